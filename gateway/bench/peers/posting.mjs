// What every node peer shares: what it is told, and the POST that it makes.
import http from "node:http";
import { randomUUID } from "node:crypto";

export const told = {
  dsn: process.env.BENCH_DSN,
  url: new URL(process.env.BENCH_URL),
  rows: Number(process.env.BENCH_ROWS),
  tuned: process.env.BENCH_MODE === "tuned",
  concurrency: Number(process.env.BENCH_CONCURRENCY),
};

const agent = new http.Agent({ keepAlive: true, maxSockets: told.concurrency });

// The bytes of a row, as gateway/bench/rawclient.py makes them.
export function body(number) {
  return JSON.stringify({
    subscribers: ["+999" + String(number).padStart(11, "0")],
    message: `Your order ${number} is on its way and will be with you tomorrow between 9 and 12. Thank you!`,
    longcodeId: 1,
    externalId: randomUUID().replaceAll("-", ""),
  });
}

export function post(content) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        agent,
        host: told.url.hostname,
        port: told.url.port,
        path: "/v3/send",
        method: "POST",
        headers: {
          Authorization: "Bearer bench-key",
          "Content-Type": "application/json",
          "Content-Length": Buffer.byteLength(content),
          "X-Request-Id": randomUUID().replaceAll("-", ""),
        },
      },
      (response) => {
        response.resume();
        response.on("end", () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
        );
      },
    );
    request.on("error", reject);
    request.end(content);
  });
}

export async function main(enqueue, work) {
  if (process.argv[2] === "enqueue") {
    await enqueue();
    process.exit(0);
  }
  await work();
}
