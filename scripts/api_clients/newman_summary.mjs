// newman_summary.mjs REPORT.json KIND : failures and the summary line.
import { readFileSync } from "node:fs";
const run = JSON.parse(readFileSync(process.argv[2], "utf8")).run;
const kind = process.argv[3];
const cls = { "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0 };
const times = [];
for (const e of run.executions) {
  const code = e.response?.code;
  if (!code) continue;
  cls[`${Math.floor(code / 100)}xx`]++;
  times.push(e.response.responseTime);
}
for (const f of run.failures.slice(0, 15)) console.log(`  ${f.source?.name ?? "?"}: ${f.error?.test ?? ""} ${f.error?.message ?? ""}`.slice(0, 200));
times.sort((a, b) => a - b);
const s = run.stats;
const ok = s.requests.failed === 0 && s.assertions.failed === 0 && s.requests.total > 0 && cls["5xx"] === 0;
console.log(`newman: ${ok ? "PASS" : "FAIL"} source=${kind} requests=${s.requests.total} request_errors=${s.requests.failed} assertions=${s.assertions.total} failed=${s.assertions.failed} 2xx=${cls["2xx"]} 4xx=${cls["4xx"]} 5xx=${cls["5xx"]} median_ms=${times[Math.floor(times.length / 2)] ?? 0} max_ms=${times.at(-1) ?? 0}`);
process.exit(ok ? 0 : 1);
