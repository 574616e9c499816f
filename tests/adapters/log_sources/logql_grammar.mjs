// Reads queries as a JSON list on stdin and prints those that Grafana's grammar of LogQL does not read, and where.
import { parser } from "@grafana/lezer-logql";
import { readFileSync } from "node:fs";

const refused = [];
for (const query of JSON.parse(readFileSync(0, "utf-8"))) {
  let place = -1;
  parser.parse(query).iterate({ enter: (node) => { if (node.type.isError && place < 0) place = node.from; } });
  if (place >= 0) refused.push([place, query]);
}
console.log(JSON.stringify(refused));
