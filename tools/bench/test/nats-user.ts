/** Takes the bench's place in being killed. */
import { prepareNats } from "../src/nats.ts";
import { bareNats } from "../src/subjects/bare-nats.ts";

const { natsUrl } = await prepareNats([bareNats], { report: () => undefined });
process.send?.(natsUrl);
