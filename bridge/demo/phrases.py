"""What the demo's customers write, by hand: about the defect in English and German, and about other things.

The first texts of each language hold characters that mean something to markup, spreadsheets or templates.
"""

from __future__ import annotations

Phrase = tuple[str, str]
"""Subject and body."""

ABOUT_THE_DEFECT: dict[str, tuple[Phrase, ...]] = {
    "en": (
        (
            "Scheduled export arrives without data",
            (
                "Hi team,\n\nour nightly order export came in without any rows again. The import on our side expects lines such as "
                '<order id=5> and stops with "no records". The report itself shows data when I open it in the browser.\n\n'
                "Can you have a look? We bill from this file."
            ),
        ),
        (
            "=1+1 appears fine but the rest of the file is empty",
            (
                "Strange one. The formula cell we put in the header template (=1+1) is there, then nothing. "
                "Zero rows. Yesterday the same job gave us about 1,400 lines."
            ),
        ),
        (
            "Empty CSV from night job {panel}",
            (
                "The CSV only has the header line. In our wiki I noted it as {panel:title=Broken}export{panel} so that nobody uses the numbers. "
                "It is not every night, which makes it hard to trust."
            ),
        ),
        (
            "export empty two nights this week",
            "Our stock export was empty on two nights this week. Status in your UI says success, so nobody was alerted. [~admin] told me to write to you.",
        ),
        (
            "Nothing in the nightly file",
            "Morning. File arrived on time, correct name, correct columns, nothing in it. I re-ran it by hand after breakfast and it was fine.",
        ),
        (
            "Blank spreadsheet",
            "The Excel sheet your system mails us every night is blank since the middle of the week. Did something change on your side?",
        ),
        (
            "0 rows exported although the report has data",
            "We get 0 rows exported in the log of our loader. The report has plenty of data for the period, I checked three times.",
        ),
        (
            "Data missing from automatic export",
            "Our finance team noticed that the automatic export had no data in it on some days. They only saw it because the month total was off by a lot.",
        ),
        (
            "Exports intermittently empty",
            "Intermittent problem: scheduled exports are empty roughly every other night. Manual runs during the day are always OK.",
        ),
        (
            "Our dashboard is fed by your export and shows zeros",
            "Our warehouse dashboard reads your nightly export. Twice now it showed zeros everywhere because the file had no rows. Please treat as urgent.",
        ),
        (
            "header only",
            "header only, no rows, second time. Same report is fine at noon.",
        ),
        (
            "Is something wrong with scheduled reports?",
            "Hello, is something wrong with scheduled reports? Ours finishes in half a second and contains no records. Normally it takes a good while longer.",
        ),
        (
            "Empty file delivered, status success",
            "An empty file was delivered and the job history says success. If it had failed we would have been paged and could have re-run it.",
        ),
        (
            "Where did my rows go",
            "Where did my rows go? 3,120 on Tuesday, none on Wednesday, 3,098 on Thursday. I did not touch the report.",
        ),
        (
            "Nightly feed to our partner was empty",
            "We pass your export on to a partner and they complained that the file contains no lines. This is embarrassing and may become contractual.",
        ),
        (
            "Report export has no content",
            "The export we get at night has no content. My colleague in another team gets theirs without a problem, so it is not the network.",
        ),
        (
            "Export size suddenly 212 bytes",
            "Monitoring on our bucket flagged that the export is suddenly 212 bytes. That is just the column names. Usual size is around 300 kB.",
        ),
        (
            "Incomplete? no: completely empty",
            "First I thought the export was incomplete, but it is completely empty. No error mail, no warning, nothing in the job list.",
        ),
        (
            "Scheduled job produces nothing since the update",
            "Since your update last week our scheduled job produces nothing on some nights. Before that it ran for two years without a hitch.",
        ),
        (
            "no records in extract",
            "The extract for our auditors has no records. I need a reliable file by the end of the week, they will ask why there is a gap.",
        ),
        (
            "Please check our night export",
            "Could you please check our night export? The rows are missing again. Running it later the same morning gives the full list.",
        ),
        ("Zero lines, green tick", "Zero lines in the file but a green tick next to the job. How can both be true?"),
        (
            "Sales list came back empty",
            "Sales list for the regional managers came back empty last night, and they have already asked me twice. What do I tell them?",
        ),
        (
            "Unreliable exports",
            "We can't rely on the exports any more: some nights full, some nights an empty shell. No pattern that I can see.",
        ),
    ),
    "de": (
        (
            "Nächtlicher Export leer",
            (
                "Guten Tag,\n\nunser nächtlicher Export war heute wieder leer. In unserem Skript steht ${summe} und <order id=5>, beides blieb ungefüllt. "
                "Im Browser sind die Daten da.\n\nBitte prüfen Sie das, wir rechnen danach ab."
            ),
        ),
        (
            "Leere Datei trotz Status 'erfolgreich'",
            "Die Datei kommt pünktlich an, enthält aber keine Zeilen. Der Status steht auf erfolgreich {color:red}(!){color}, deshalb hat es niemand gemerkt.",
        ),
        (
            "Export ohne Daten [dringend]",
            "Seit letzter Woche bekommen wir an manchen Tagen Exporte ohne Daten. Unser Lager bestellt danach nach, das ist für uns kritisch.",
        ),
        (
            "CSV enthält nur die Kopfzeile",
            "Die CSV enthält nur die Kopfzeile. Lasse ich den Export vormittags von Hand laufen, stimmt alles.",
        ),
        (
            "Keine Zeilen im Bericht aus dem Zeitplan",
            "Unser geplanter Bericht hatte letzte Nacht keine Zeilen, obwohl es Umsätze gab. Am Filter wurde nichts geändert.",
        ),
        (
            "Excel-Datei leer",
            "Die Excel-Datei, die nachts per Mail kommt, ist leer. Nicht jede Nacht, aber diese Woche schon zum zweiten Mal.",
        ),
        (
            "Es fehlen Daten im Export",
            "Bei uns fehlen Daten im Export, und zwar gleich alle. 0 Datensätze. Vorgestern waren es noch rund 2.300.",
        ),
        (
            "Automatischer Export liefert nichts",
            "Der automatische Export liefert nichts mehr, jedenfalls nicht zuverlässig. Eine Fehlermeldung gibt es nicht, das macht es schlimmer.",
        ),
        (
            "Nullen in unserem Dashboard",
            "Unser Dashboard zeigt Nullen, weil Ihre Datei leer war. Die Geschäftsführung hat mich heute früh darauf angesprochen. Was ist da los?",
        ),
        (
            "Exportdatei unbrauchbar",
            "Die Exportdatei von heute Nacht ist unbrauchbar: Spaltennamen ja, Inhalt nein. Die Wiederholung am Vormittag war in Ordnung.",
        ),
        ("nur Überschriften im Export", "nur Überschriften, keine Inhalte. bitte um Rückmeldung, ob das an uns liegt."),
        (
            "Geplante Exporte unvollständig",
            "Geplante Exporte sind bei uns unvollständig, genauer gesagt vollständig leer. Betrifft bisher nur die Läufe in der Nacht.",
        ),
        (
            "Leerer Export an Partner verschickt",
            "Wir haben ungewollt einen leeren Export an einen Partner verschickt, weil Ihr System ihn als erfolgreich gemeldet hat. Das darf nicht passieren.",
        ),
        (
            "Bitte um Prüfung: 0 Datensätze",
            "Im Protokoll unseres Imports stehen 0 Datensätze. Die Quelle war laut Bericht gefüllt. Wir bitten um Prüfung.",
        ),
        (
            "Seit dem Update kommen leere Dateien",
            "Seit Ihrem Update kommen bei uns leere Dateien an, mal ja, mal nein. Vorher lief das zwei Jahre ohne eine einzige Störung.",
        ),
        ("Wo sind unsere Zeilen?", "Wo sind unsere Zeilen? Dienstag 840, Mittwoch keine, Donnerstag 851. Niemand hat etwas umgestellt."),
        (
            "Monatsabschluss: Export ohne Inhalt",
            "Für den Monatsabschluss brauchen wir den nächtlichen Export, er war ohne Inhalt. Ich habe ihn um 9 Uhr neu gestartet, dann ging es.",
        ),
        (
            "Datei hat plötzlich nur 200 Byte",
            "Unsere Überwachung meldet, dass die Datei nur 200 Byte groß ist, sonst etwa 250 kB. Es steht nur die erste Zeile darin.",
        ),
        (
            "Unzuverlässiger Nachtlauf",
            "Der Nachtlauf ist unzuverlässig geworden. Drei Nächte gut, zwei Nächte leer. Ein Muster sehe ich nicht.",
        ),
        (
            "Prüfer fragt nach fehlenden Daten",
            "Unser Prüfer fragt nach fehlenden Daten in zwei Exporten. Beide waren leer, beide angeblich erfolgreich. Bitte um eine schriftliche Erklärung.",
        ),
        (
            "Grüner Haken, leere Tabelle",
            "Grüner Haken in der Oberfläche, leere Tabelle im Postfach. Beides zusammen kann doch nicht stimmen.",
        ),
        (
            "Umsatzliste heute leer",
            "Die Umsatzliste für den Außendienst war heute leer. Die Kollegen sind mit den Zahlen von gestern losgefahren.",
        ),
    ),
}

SECOND_THOUGHTS = {
    "en": (
        "It happened again last night.",
        "Update: tonight's file was fine. I don't understand it.",
        "Any news? My manager keeps asking.",
    ),
    "de": ("Heute Nacht schon wieder.", "Nachtrag: letzte Nacht war alles in Ordnung. Sehr merkwürdig.", "Gibt es schon etwas Neues?"),
}

AGENT_ANSWER = {
    "en": "Thank you for the report. I am looking into it with our engineers and will come back to you.",
    "de": "Vielen Dank für den Hinweis. Ich sehe mir das mit der Entwicklung an und melde mich wieder.",
}

INTERNAL_NOTES = (
    "INTERNAL: do not tell the customer yet, their renewal is being negotiated this week (ask Dana in sales first).",
    "INTERNAL: third account with this since Monday, smells like one cause. Escalating.",
)

OWN_FILTER: dict[str, tuple[Phrase, ...]] = {
    "en": (
        (
            "My export is empty",
            (
                "I built a new report with a filter on status = 'Archived' and the export is always empty, day and night. "
                "The preview is empty as well. Probably something I don't understand about the filter?"
            ),
        ),
        (
            "Export gives no rows with my filter",
            "With my filter on cost centre 0815 I get no rows, in the preview neither. Without the filter there are rows.",
        ),
    ),
    "de": (
        (
            "Mein Export ist leer",
            "Ich habe einen Bericht mit dem Filter Status = 'Archiviert' angelegt, der Export ist immer leer, die Vorschau auch. Mache ich etwas falsch?",
        ),
        (
            "Keine Zeilen mit meinem Filter",
            "Mit meinem Filter auf Kostenstelle 0815 kommen keine Zeilen, auch nicht in der Vorschau. Ohne Filter schon.",
        ),
    ),
}

EXPIRED: dict[str, Phrase] = {
    "en": (
        "Exports fail with an error",
        "All our exports fail since yesterday with 'storage credentials have expired'. Where can I enter the new key?",
    ),
    "de": (
        "Exporte schlagen fehl",
        "Alle Exporte schlagen fehl, die Meldung lautet 'storage credentials have expired'. Wo trage ich den neuen Schlüssel ein?",
    ),
}

BY_AFFECTED: dict[str, tuple[Phrase, ...]] = {
    "en": (
        ("Invoice shows the wrong address", "Our invoice for March still carries the old street. Please correct it and send it again."),
        (
            "Can't sign in on my phone",
            "Signing in with the authenticator app fails on my new phone, on the laptop it works. Please reset it.",
        ),
    ),
    "de": (
        ("Rechnung mit alter Anschrift", "Auf der Rechnung für März steht noch die alte Straße. Bitte korrigieren und neu zusenden."),
        (
            "Anmeldung am Handy geht nicht",
            "Die Anmeldung mit der App klappt auf meinem neuen Handy nicht, am Laptop schon. Bitte zurücksetzen.",
        ),
    ),
}

BY_ANYONE: dict[str, tuple[Phrase, ...]] = {
    "en": (
        (
            "Feature request: dark charts",
            "It would be great if charts could follow the dark theme. Not urgent, just a wish from our design team.",
        ),
        (
            "Dashboard slow on Mondays",
            "The overview dashboard needs about twelve seconds on Monday mornings. The rest of the week it is fast.",
        ),
        ("How do I add a colleague?", "How do I add a colleague who may look at reports but not change them? I can't find the role."),
    ),
    "de": (
        (
            "Wunsch: dunkle Diagramme",
            "Schön wäre, wenn die Diagramme das dunkle Design übernehmen. Nicht eilig, nur ein Wunsch aus unserer Gestaltung.",
        ),
        (
            "Dashboard montags langsam",
            "Das Übersichts-Dashboard braucht montags früh gut zwölf Sekunden. An den anderen Tagen ist es schnell.",
        ),
        (
            "Wie lege ich eine Kollegin an?",
            "Wie lege ich eine Kollegin an, die Berichte ansehen, aber nicht ändern darf? Ich finde die Rolle nicht.",
        ),
    ),
}
