import { ValueType } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import type { Histogram, Instrument, Numbers } from './instrument.ts'

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * The instruments in Prometheus text format, written by OpenTelemetry's own serializer: `revenant.attempts` becomes
 * `revenant_attempts_total`. Loaded at the first scrape, so that starting does not pay for it.
 */
export function prometheusText(instruments: readonly Instrument[], resource: Readonly<Record<string, string>>): string {
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true)
  return serializer.serialize({
    resource: resourceFromAttributes({ ...resource }),
    scopeMetrics: [{ scope: { name: 'revenant' }, metrics: instruments.map(metricData) }],
  })
}

function metricData(instrument: Instrument): MetricData {
  const { name, unit, description } = instrument
  const common = {
    descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  }
  if (instrument.kind === 'histogram')
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: histogramPoints(instrument) }
  const dataPoints = numberPoints(instrument)
  if (instrument.kind === 'gauge') return { ...common, dataPointType: DataPointType.GAUGE, dataPoints }
  return { ...common, dataPointType: DataPointType.SUM, isMonotonic: instrument.kind === 'counter', dataPoints }
}

/** The text format carries no times of ours: the scraper stamps them. */
const NO_TIMES = { startTime: [0, 0] satisfies [number, number], endTime: [0, 0] satisfies [number, number] }

function numberPoints(instrument: Numbers) {
  return [...instrument.cells()].map(({ labels, value }) => ({ ...NO_TIMES, attributes: { ...labels }, value }))
}

function histogramPoints(instrument: Histogram) {
  return [...instrument.distributions()].map(({ labels, counts, sum, count }) => ({
    ...NO_TIMES,
    attributes: { ...labels },
    value: { buckets: { boundaries: [...instrument.bounds], counts: [...counts] }, sum, count },
  }))
}
