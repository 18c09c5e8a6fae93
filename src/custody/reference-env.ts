/** `env:NAME`: a variable of this process's environment; undefined where it is not set. */
export async function readEnvironment(name: string): Promise<string | undefined> {
  return process.env[name]
}
