"""The style of the HTML report: light, dark and print, no file but itself."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1f2933;--dim:#52606d;--line:#cbd2d9;--soft:#f4f6f8;--link:#1d4ed8;--accent:#b42318;--head:#102a43}
@media (prefers-color-scheme:dark){:root{--bg:#12181f;--fg:#e4e7eb;--dim:#a9b4c0;--line:#3e4c59;--soft:#1b232c;--link:#8ab4ff;--accent:#ff8a75;--head:#f5f7fa}}
*{box-sizing:border-box}
html{background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:64rem;padding:2rem 1.25rem 3rem}
header{border-bottom:3px solid var(--accent);margin-bottom:1.25rem;padding-bottom:.75rem}
h1{font-size:1.7rem;line-height:1.25;margin:0;color:var(--head);text-wrap:balance}
h2{font-size:1.2rem;margin:2.25rem 0 .6rem;padding-top:.9rem;border-top:1px solid var(--line);color:var(--head)}
h3{font-size:1.02rem;margin:1.4rem 0 .4rem;color:var(--head)}
h1,h2,h3,p,li,td,th,summary{overflow-wrap:anywhere}
p,ul,ol{margin:.55rem 0}
li{margin:.25rem 0}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,.scroll:focus-visible,pre:focus-visible{outline:3px solid var(--link);outline-offset:2px}
nav ul{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;list-style:none;margin:0 0 1.25rem;padding:0;font-size:.92rem}
nav a{display:inline-block;min-height:24px;padding:.1rem 0}
.lead{background:var(--soft);border-left:4px solid var(--accent);border-radius:0 6px 6px 0;padding:.6rem 1.1rem}
.lead p:first-child{font-size:1.05rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.86em}
code{background:var(--soft);border-radius:3px;padding:.05em .3em}
.lead code{background:none;padding:0}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;overflow-x:auto;padding:.75rem .9rem;line-height:1.45;margin:.7rem 0}
pre code{background:none;padding:0;font-size:.95em}
.scroll{overflow-x:auto;margin:.9rem 0}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{caption-side:top;text-align:left;font-weight:600;padding:.2rem 0 .4rem}
th,td{border-bottom:1px solid var(--line);padding:.38rem .7rem .38rem 0;text-align:left;vertical-align:top}
td,th{overflow-wrap:normal;min-width:3.2rem}
thead th{border-bottom:2px solid var(--line);color:var(--dim);font-weight:600;vertical-align:bottom}
tbody th{font-weight:600;white-space:nowrap}
.n{white-space:nowrap}.right{text-align:right}.center{text-align:center}
figure{margin:1.1rem 0}
figcaption{font-weight:600;font-size:.9rem;margin-bottom:.4rem}
figure svg{display:block;width:100%;min-width:34rem;height:auto}
details{margin:.3rem 0;color:var(--dim);font-size:.9rem}
summary{cursor:pointer;min-height:24px}
blockquote{border-left:3px solid var(--line);margin:.8rem 0;padding:0 1rem;color:var(--dim)}
hr{border:0;border-top:1px solid var(--line);margin:1.5rem 0}
footer{border-top:1px solid var(--line);color:var(--dim);font-size:.88rem;margin-top:2.5rem}
@media print{
:root{--bg:#fff;--fg:#1f2933;--dim:#52606d;--line:#cbd2d9;--soft:#f4f6f8;--link:#1f2933;--accent:#b42318;--head:#102a43}
@page{margin:16mm 15mm}
html{font-size:10.5pt}body{max-width:none;padding:0}
nav,details{display:none}
.scroll,pre{overflow:visible}pre{white-space:pre-wrap;overflow-wrap:anywhere}
h2,h3,caption,figcaption{break-after:avoid}
p,li{orphans:3;widows:3}
figure,tr,li,pre,table:not(:has(tr:nth-child(13))){break-inside:avoid}
thead{display:table-header-group;break-after:avoid}tbody tr:first-child{break-before:avoid}
figure svg{min-width:0}
}
""".strip()
