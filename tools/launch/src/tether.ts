/**
 * Loaded into every child before its own code: a child whose launcher is gone ends itself, first politely.
 * The channel between the two closes when the launcher dies, whatever it dies of.
 */
const PATIENCE_MS = 10_000;

process.once("disconnect", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.kill(process.pid, "SIGKILL"), PATIENCE_MS).unref();
});
// The channel alone is no reason to stay alive.
process.channel?.unref();
