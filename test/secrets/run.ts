/** Runs one command line of the program, and notes what it said. */
export type Run = (line: string, stdin?: string) => Promise<{ exit: number | null; stdout: string; stderr: string }>
