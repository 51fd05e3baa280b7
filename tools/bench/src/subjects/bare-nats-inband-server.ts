import { runServer } from "../program.ts";
import { itemAt } from "../workload.ts";
import type { BenchRequest } from "../workload.ts";
import { connectNats } from "./bare-nats.ts";

const SUBJECT = "bench.inband.generate";

runServer(async () => {
  const nats = await connectNats();
  nats.subscribe(SUBJECT, {
    queue: "q",
    callback(error, message) {
      if (error) throw error;
      const { items } = message.json<BenchRequest>();
      for (let index = 0; index < items; index++) message.respond(JSON.stringify(itemAt(index)));
      message.respond();
    },
  });
  await nats.flush();
  return { address: SUBJECT, close: () => nats.close() };
});
