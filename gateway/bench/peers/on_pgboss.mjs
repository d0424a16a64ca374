// pg-boss: batches, and several loops that fetch; a batch goes out together.
import { createRequire } from "node:module";
import { body, main, post, told } from "./posting.mjs";

const require = createRequire(process.env.BENCH_MODULES);
const loaded = require("pg-boss");
const PgBoss = loaded.default ?? loaded;

const AT_ONCE = 1000;

async function boss() {
  const made = new PgBoss({ connectionString: told.dsn, max: told.tuned ? 20 : 10 });
  made.on("error", (error) => console.error(String(error)));
  await made.start();
  return made;
}

async function enqueue() {
  const made = await boss();
  await made.createQueue("send");
  for (let start = 1; start <= told.rows; start += AT_ONCE) {
    const size = Math.min(AT_ONCE, told.rows - start + 1);
    await made.insert(Array.from({ length: size }, (_, n) => ({ name: "send", data: { content: body(start + n) } })));
  }
  await made.stop({ graceful: false });
}

// Default: one job a fetch, a fetch every two seconds for each loop, as many loops as the concurrency.
// Tuned: four loops with a batch of 250 each and the shortest poll; so it is not held to the concurrency.
async function work() {
  const made = await boss();
  const loops = told.tuned ? 4 : told.concurrency;
  const options = told.tuned ? { batchSize: 250, pollingIntervalSeconds: 0.5 } : {};
  for (let n = 0; n < loops; n += 1) {
    await made.work("send", options, (jobs) => Promise.all(jobs.map((job) => post(job.data.content))));
  }
  process.on("SIGTERM", () => process.exit(0));
}

await main(enqueue, work);
