import { createServer } from 'node:http'

/**
 * The system under replay: a bearer API in a process of its own. Tokens that end in `-live` are accepted. Its one argument is how
 * many milliseconds it thinks before it answers: 0 answers at once, as no real API does. Prints its port; it lives as long as the
 * channel to the benchmark.
 */
const thinkMs = Number(process.argv[2] ?? '0')
const refused = JSON.stringify({ message: 'Bad credentials' })
const server = createServer((request, response) => {
  const token = request.headers.authorization ?? ''
  const answer = () => {
    if (token.endsWith('-live')) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ login: token.slice(7, 13) }))
      return
    }
    response.writeHead(401, {
      'content-type': 'application/json',
      'www-authenticate': 'Bearer realm="bench", error="invalid_token"',
    })
    response.end(refused)
  }
  if (thinkMs === 0) answer()
  else setTimeout(answer, thinkMs)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
process.on('disconnect', () => process.exit(0))
