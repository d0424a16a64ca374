// graphile-worker: its page on performance names the local queue and batched completion.
import { createRequire } from "node:module";
import { body, main, post, told } from "./posting.mjs";

const require = createRequire(process.env.BENCH_MODULES);
const { run, makeWorkerUtils, Logger } = require("graphile-worker");

const AT_ONCE = 1000;
const quiet = new Logger(() => () => {});

async function enqueue() {
  const utils = await makeWorkerUtils({ connectionString: told.dsn, logger: quiet });
  await utils.migrate();
  for (let start = 1; start <= told.rows; start += AT_ONCE) {
    const size = Math.min(AT_ONCE, told.rows - start + 1);
    await utils.addJobs(
      Array.from({ length: size }, (_, n) => ({ identifier: "send", payload: { content: body(start + n) } })),
    );
  }
  await utils.release();
}

// Default: as it comes, with the concurrency. Tuned: a local queue, completions 250 ms together as it recommends.
async function work() {
  const runner = await run({
    connectionString: told.dsn,
    logger: quiet,
    concurrency: told.concurrency,
    taskList: { send: (payload) => post(payload.content) },
    ...(told.tuned
      ? {
          maxPoolSize: 20,
          preset: {
            worker: { localQueue: { size: 4 * told.concurrency }, completeJobBatchDelay: 250, failJobBatchDelay: 250 },
          },
        }
      : {}),
  });
  await runner.promise;
}

await main(enqueue, work);
