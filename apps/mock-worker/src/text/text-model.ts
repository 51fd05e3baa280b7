import { textChatCard } from "@dynamo/discovery";
import type { ServedModel } from "../worker.ts";
import { chatHandler } from "./chat-handler.ts";
import type { HandlerSettings } from "./chat-handler.ts";

/** A model that takes chats. All workers answer alike. */
export function textModel(settings: HandlerSettings): ServedModel {
  const handler = chatHandler(settings);
  return { card: textChatCard(settings.modelName), worker: () => ({ handler }) };
}
