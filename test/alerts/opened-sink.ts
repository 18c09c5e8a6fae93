import type { OpenedSink } from '../../src/alerts/delivery.ts'
import type { FormatName } from '../../src/alerts/formats/format.ts'
import { openPace } from '../../src/alerts/pace.ts'
import { openSinkBreaker } from '../../src/alerts/sink-breaker.ts'
import type { Sink } from '../../src/alerts/sinks/sink.ts'
import type { Route } from '../../src/domain/route.ts'

/** A sink as the daemon opens it. */
export function openedSink(sink: Sink, route: Partial<Route> = {}, format: FormatName = 'json'): OpenedSink {
  const whole: Route = { name: sink.name, minSeverity: 'info', ...route }
  return { sink, format, route: whole, breaker: openSinkBreaker(), pace: openPace(whole.storm) }
}
