import type { PythonSubject } from "../subject.ts";

/** Dynamo itself, with a handler and a caller in Python on its TCP plane. */
export const dynamoPython: PythonSubject = {
  name: "dynamo-python",
  what: "Dynamo 1.6.1 on its TCP plane, handler and caller in Python, with file discovery",
  serverProgram: new URL("../../python/server.py", import.meta.url),
  clientProgram: new URL("../../python/client.py", import.meta.url),
  needs: "dynamo",
  env: { DYN_REQUEST_PLANE: "tcp", DYN_LOG: "error" },
};
