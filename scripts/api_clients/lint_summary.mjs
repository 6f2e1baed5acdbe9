// lint_summary.mjs FOLDER: what the linters found, commonest first, and one line of figures; exit 1 over the limits.
import { readFileSync } from "node:fs";
const folder = process.argv[2];
const load = (name) => {
  const text = readFileSync(`${folder}/${name}.json`, "utf8");
  return JSON.parse(text.slice(text.search(/[[{]/)));
};
const severities = ["error", "warn", "info", "hint"];
const where = (p) => (p.location ? p.location[0]?.pointer : (p.path ?? []).join("/"));
const rows = load("redocly").problems.map((p) => ["redocly", p.severity, p.ruleId, where(p)]);
for (const tool of ["oas", "owasp"]) {
  for (const p of load(tool)) rows.push([tool, severities[p.severity], String(p.code), where(p)]);
}
const count = (tool, severity) => rows.filter((r) => r[0] === tool && r[1] === severity).length;
const fatal = rows.filter(([tool, severity]) => severity === "error" || (tool !== "owasp" && severity === "warn"));
for (const [tool, severity, rule, place] of fatal.slice(0, 30)) console.log(`  ${severity} ${tool} ${rule}: ${place}`);
console.log(
  `schema lint: ${fatal.length ? "FAIL" : "PASS"} redocly ${count("redocly", "error")} errors ${count("redocly", "warn")} warnings,` +
    ` spectral ${count("oas", "error")} errors ${count("oas", "warn")} warnings, OWASP ${count("owasp", "error")} errors` +
    ` (${count("owasp", "warn")} remarks)`,
);
process.exit(fatal.length ? 1 : 0);
