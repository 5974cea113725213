import type { FastifyPluginAsync } from 'fastify'

/** The process that serves the page, and a way to kill it: another page cannot send a DELETE here. */
export const life: FastifyPluginAsync<{ engine: string }> = async (app, { engine }) => {
  app.get('/server', async () => ({ pid: process.pid, engine }))

  // As `kill -9` does: nothing is closed, nothing is said to anybody.
  app.delete('/server', async () => { process.kill(process.pid, 'SIGKILL') })
}
