import type { FastifyInstance } from 'fastify'
import { addHealthPages, type HealthOptions } from '../../src/api/health.ts'
import { openServer, type Server, type ServerOptions } from '../../src/api/server.ts'

export type HealthServerOptions = HealthOptions &
  Omit<ServerOptions, 'addPages'> & { addPages?(app: FastifyInstance): void | Promise<void> }

/** The server with its health pages, and what a test adds. */
export function openHealth({ addPages, ...options }: HealthServerOptions): Promise<Server> {
  return openServer({
    ...options,
    addPages: async (app) => {
      addHealthPages(app, options)
      await addPages?.(app)
    },
  })
}
