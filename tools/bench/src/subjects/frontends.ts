/**
 * A frontend and our mock worker, which have the TCP plane and file discovery between them, and a client of chats.
 */
import { Agent } from "node:http";
import type { NodeSubject } from "../subject.ts";
import { streamChat } from "./chat-client.ts";

const SERVER = new URL("frontend-server.ts", import.meta.url);
const SETTINGS = { DYN_REQUEST_PLANE: "tcp", DYN_LOG: "error" };

export const ourFrontend: NodeSubject = {
  name: "frontend",
  what: "dynamo-frontend of this project with its mock worker",
  serverProgram: SERVER,
  serverArgs: ["ours"],
  env: SETTINGS,
  rival: "dynamo-frontend",
  connect,
};

export const dynamoFrontend: NodeSubject = {
  name: "dynamo-frontend",
  what: "the frontend of Dynamo 1.6.1 with the mock worker of this project",
  serverProgram: SERVER,
  serverArgs: ["dynamo"],
  env: { ...SETTINGS, HF_HUB_OFFLINE: "1" },
  needs: "dynamo",
  connect,
};

async function connect(port: string): ReturnType<NodeSubject["connect"]> {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  return {
    unary: (request) => streamChat(port, agent, request),
    stream: (request, onFirst) => streamChat(port, agent, request, onFirst),
    close: async () => agent.destroy(),
  };
}
