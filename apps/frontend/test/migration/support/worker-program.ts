/**
 * A worker that takes tokens, as a process: `node worker-program.ts <model folder> <ms per token>`. It says on stdout
 * when it can be found, and the id of each request that it begins to answer.
 */
import { fileDiscovery, modelRecord, textChatCard } from "@dynamo/discovery";
import { createNetworkManager } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { testModelSlots } from "@dynamo/test-model";
import { engine } from "./engine.ts";

const [folder = "", pace = "0"] = process.argv.slice(2);
const discovery = fileDiscovery();
const manager = createNetworkManager({ transports: [tcp()], discovery });
const begun = new Set<string>();

const handler = engine((id) => {
  if (!begun.has(id)) process.stdout.write(`answering ${id}\n`);
  begun.add(id);
  return new Promise((resolve) => setTimeout(resolve, Number(pace)));
});
const { instance } = await manager.endpoint("dynamo.backend.generate").serve(handler);
const card = textChatCard("m", {
  ...(await testModelSlots(folder)),
  source_path: folder,
  model_type: "Chat | Completions",
  model_input: "Tokens",
  kv_cache_block_size: 4,
});
await discovery.register(modelRecord(instance, card));
process.stdout.write("serving\n");
