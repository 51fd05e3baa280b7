import { runServer } from "../program.ts";
import { connectNats } from "./bare-nats.ts";
import { answerAtHome } from "./call-home-answer.ts";

const SUBJECT = "bench.bare.generate";

runServer(async () => {
  const nats = await connectNats();
  nats.subscribe(SUBJECT, {
    queue: "q",
    callback(error, message) {
      if (error) throw error;
      const { buffer, byteOffset, byteLength } = message.data;
      message.respond();
      answerAtHome(Buffer.from(buffer, byteOffset, byteLength));
    },
  });
  await nats.flush();
  return { address: SUBJECT, close: () => nats.close() };
});
