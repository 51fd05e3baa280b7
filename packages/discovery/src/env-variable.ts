/** The value of a variable; one that is set to nothing counts as not set. */
export function envVariable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}
