import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api'
import type { Histogram, Instrument, Numbers } from './instrument.ts'

/** Offers the instruments to the SDK: numbers are read when it exports, durations are forwarded as they are recorded. */
export function bridgeMetrics(meter: Meter, instruments: readonly Instrument[]): void {
  for (const instrument of instruments) {
    if (instrument.kind === 'histogram') forward(meter, instrument)
    else observe(meter, instrument)
  }
}

function observe(meter: Meter, instrument: Numbers): void {
  const { name, unit, description } = instrument
  const observable = {
    counter: () => meter.createObservableCounter(name, { unit, description }),
    'up-down': () => meter.createObservableUpDownCounter(name, { unit, description }),
    gauge: () => meter.createObservableGauge(name, { unit, description }),
  }[instrument.kind]()
  observable.addCallback((result: ObservableResult<Attributes>) => {
    for (const { labels, value } of instrument.cells()) result.observe(value, labels)
  })
}

function forward(meter: Meter, instrument: Histogram): void {
  const { name, unit, description, bounds } = instrument
  const target = meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...bounds] } })
  instrument.forward = (value, labels) => target.record(value, labels)
}
