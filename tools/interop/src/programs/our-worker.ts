/**
 * A worker made of our packages that serves the reference endpoint. It is told what to be in its first argument.
 * It ends when its input does, and on SIGTERM when what runs has ended.
 */
import { fileDiscovery } from "@dynamo/discovery";
import { referenceHandler } from "@dynamo/request-plane-conformance";
import type { ReferenceRequest } from "@dynamo/request-plane-conformance";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { PayloadCodec } from "@dynamo/request-plane-core";
import { msgpack } from "@dynamo/request-plane-core/msgpack";
import { layoutOf } from "../releases.ts";
import { transportFor } from "../roles/transports.ts";
import type { OurWorkerOptions } from "../roles/our-worker.ts";

const options = JSON.parse(process.argv[2] ?? "") as OurWorkerOptions;
const { endpoint, release, plane, natsUrl, root, speaksMsgpack = false } = options;

const discovery = fileDiscovery({ root, layout: layoutOf(release) });
const manager = createNetworkManager({
  transports: [transportFor(plane, release, natsUrl)],
  discovery,
  ...(speaksMsgpack && { payloadCodec: told(msgpack) }),
  environment: {},
});
const served = await manager.endpoint<ReferenceRequest>(endpoint).serve(referenceHandler());
process.stdout.write(`@interop ${JSON.stringify({ serving: String(served.instance.instance_id) })}\n`);

process.stdin.resume();
process.stdin.once("end", () => void end(0));
process.once("SIGTERM", () => void end(10_000));

/** The codec, and a word to the suite for each request that came in it. */
function told(codec: PayloadCodec): PayloadCodec {
  const decode = (bytes: Uint8Array): unknown => {
    process.stdout.write(`@interop ${JSON.stringify({ decoded: codec.name })}\n`);
    return codec.decode(bytes);
  };
  return { ...codec, decode };
}

async function end(drainMs: number): Promise<void> {
  await manager.close({ drainMs });
  await discovery.close();
  process.stdin.destroy();
}
