import { describe, expect, it } from 'vitest'
import { openHeartbeat } from '../../src/telemetry/heartbeat.ts'
import { counter, histogram } from '../../src/telemetry/instrument.ts'
import { openMeters } from '../../src/telemetry/meters.ts'
import { prometheusText } from '../../src/telemetry/prometheus.ts'
import { idleTracer } from '../../src/telemetry/tracer.ts'

const text = (meters: ReturnType<typeof openMeters>) => prometheusText(meters.instruments, { 'service.name': 'revenant' })

describe('metrics', () => {
  it('counts attempts and their durations', () => {
    const meters = openMeters()
    const meter = meters.attempts({ system: 'payroll-db', probe: 'postgres' })
    meter.record('rejected', 'invalid_credentials', 1)
    meter.record('rejected', 'invalid_credentials', 2.5)
    meter.record('rejected', 'account_disabled', 60_000)
    // A second trial of the same system goes on where the first one ended.
    meters.attempts({ system: 'payroll-db', probe: 'postgres' }).record('accepted', 'authenticated', 3)
    const out = text(meters)
    const labels = 'revenant_system="payroll-db",revenant_probe="postgres"'
    expect(out).toContain('# TYPE revenant_attempts_total counter')
    expect(out).toContain(
      `revenant_attempts_total{${labels},revenant_verdict="rejected",revenant_reason="invalid_credentials"} 2\n`,
    )
    expect(out).toContain(`revenant_attempts_total{${labels},revenant_verdict="accepted",revenant_reason="authenticated"} 1\n`)
    const rejected = `${labels},revenant_verdict="rejected"`
    expect(out).toContain('# TYPE revenant_attempt_duration histogram')
    for (const [le, count] of [
      ['0.001', 1],
      ['0.0025', 2],
      ['30', 2],
      ['+Inf', 3],
    ]) {
      expect(out).toContain(`revenant_attempt_duration_bucket{${rejected},le="${le}"} ${count}\n`)
    }
    expect(out).toContain(`revenant_attempt_duration_count{${rejected}} 3\n`)
    expect(out).toContain(`revenant_attempt_duration_sum{${rejected}} 60.0035\n`)
  })

  it('counts the rest', () => {
    const meters = openMeters()
    meters.trialEnded({ system: 's', probe: 'p', outcome: 'completed' })
    meters.alertDelivered({ sink: 'soc' }, 1_500)
    meters.alertFailed({ sink: 'soc', code: 'SINK_UNREACHABLE' })
    meters.tickEnded(12)
    meters.setActiveFindings([{ kind: 'residual_access', severity: 'high', count: 3 }])
    meters.setDueCredentials(17)
    const out = text(meters)
    expect(out).toContain('revenant_trials_total{revenant_system="s",revenant_probe="p",revenant_trial_outcome="completed"} 1')
    expect(out).toContain('revenant_alerts_delivered_total{revenant_sink="soc"} 1')
    expect(out).toContain('revenant_alerts_failed_total{revenant_sink="soc",error_type="SINK_UNREACHABLE"} 1')
    expect(out).toContain('revenant_delivery_lag_sum{revenant_sink="soc"} 1.5')
    expect(out).toContain('revenant_tick_duration_count 1')
    expect(out).toContain('revenant_finding_active{revenant_finding_kind="residual_access",revenant_severity="high"} 3')
    expect(out).toContain('# TYPE revenant_finding_active gauge')
    expect(out).toContain('revenant_credential_due 17')
    expect(out).toMatch(/process_memory_usage \d{7,}/)
    expect(out).toMatch(/process_cpu_time_total\{cpu_mode="user"\} [\d.]+/)
    expect(out).toContain('service_name="revenant"')
  })

  it('shows what waits for receivers, and clears', () => {
    const meters = openMeters()
    meters.setBacklog([
      { sink: 'soc', pending: 12, dead: 3, lagMs: 90_500 },
      { sink: 'mail', pending: 0, dead: 1, lagMs: 0 },
    ])
    const out = text(meters)
    expect(out).toContain('# TYPE revenant_delivery_pending gauge')
    for (const [name, soc, mail] of [
      ['pending', '12', '0'],
      ['dead', '3', '1'],
      ['oldest', '90.5', '0'],
    ]) {
      expect(out).toContain(`revenant_delivery_${name}{revenant_sink="soc"} ${soc}\n`)
      expect(out).toContain(`revenant_delivery_${name}{revenant_sink="mail"} ${mail}\n`)
    }
    meters.setBacklog([])
    for (const name of ['pending', 'dead', 'oldest'])
      expect(text(meters)).toContain(`revenant_delivery_${name}{revenant_sink="soc"} 0\n`)
  })

  it('reads a level that is gone as 0, so that an alert on it clears', () => {
    const meters = openMeters()
    meters.setActiveFindings([{ kind: 'residual_access', severity: 'high', count: 3 }])
    meters.setActiveFindings([{ kind: 'blind_system', severity: 'low', count: 1 }])
    expect(text(meters)).toContain('{revenant_finding_kind="residual_access",revenant_severity="high"} 0\n')
    meters.setActiveFindings([{ kind: 'residual_access', severity: 'high', count: 2 }])
    expect(text(meters)).toContain('{revenant_finding_kind="residual_access",revenant_severity="high"} 2\n')
  })

  it('writes what Prometheus can parse', () => {
    const meters = openMeters()
    meters.attempts({ system: 'odd"\\\nname', probe: 'p' }).record('rejected', 'x', 1)
    for (const line of text(meters).trim().split('\n')) {
      expect(line).toMatch(
        /^(?:#.*|[a-z_:][a-z0-9_:]*(?:\{(?:[a-z_][a-z0-9_]*="(?:[^"\\]|\\.)*",?)*\})? (?:[+-]?Inf|NaN|[\d.e+-]+)|)$/i,
      )
    }
  })

  it('names follow the rules: dots, no _total, units apart', () => {
    for (const { name, unit } of openMeters().instruments) {
      expect(name).toMatch(/^(?:revenant|process|nodejs)(?:\.[a-z]+)+$/)
      expect(name).not.toMatch(/total|seconds/)
      expect(unit).toMatch(/^(?:s|By|1|\{[a-z]+\})$/)
      if (name.endsWith('.duration') || name.endsWith('.lag')) expect(unit).toBe('s')
    }
  })

  it('bounds its series', () => {
    const many = counter({ name: 'x', unit: '1', description: '' })
    for (let i = 0; i < 20_500; i++) many.cell({ i: String(i) }).value++
    const cells = [...new Set(many.cells())]
    expect(cells).toHaveLength(20_001)
    expect(cells.find((cell) => cell.labels['otel.metric.overflow'] === 'true')?.value).toBe(500)
    many.cell({ i: '5' }).value++
    expect(cells.find((cell) => cell.labels.i === '5')?.value).toBe(2)
  })

  it('puts a value on a bound below it', () => {
    const h = histogram({ name: 'x', unit: 's', description: '' }, [1, 2])
    for (const value of [0, 1, 1.5, 2, 3]) h.record(h.distribution({}), value)
    expect(h.distribution({}).counts).toEqual([2, 2, 1])
  })
})

describe('cost while nothing is exported', () => {
  it.each<[string, number, () => (i: number) => void]>([
    [
      'an attempt span',
      1_000,
      () => {
        const trial = idleTracer.trial({ system: 's', probe: 'p' })
        const result = { verdict: 'rejected', reason: 'invalid_credentials', latencyMs: 4, wire: { status: 401 } }
        return () => trial.attempt({}).end(result)
      },
    ],
    [
      'an attempt measured',
      1_000,
      () => {
        const meter = openMeters().attempts({ system: 's', probe: 'p' })
        const reasons = ['invalid_credentials', 'token_invalid', 'account_disabled']
        return (i) => meter.record('rejected', reasons[i % 3] ?? '', i % 50)
      },
    ],
  ])('%s stays under %d ns', (_what, limitNs, prepare) => {
    const run = prepare()
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < 5; round++) {
      const before = process.hrtime.bigint()
      for (let i = 0; i < 20_000; i++) run(i)
      best = Math.min(best, Number(process.hrtime.bigint() - before) / 20_000)
    }
    expect(best).toBeLessThan(limitNs)
  })
})

describe('trace ids', () => {
  it('are real and new for each trial', () => {
    const ids = Array.from({ length: 100 }, () => idleTracer.trial({}).traceId)
    expect(new Set(ids).size).toBe(100)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
  })
})

describe('heartbeat', () => {
  it('fails after three silent periods and recovers', () => {
    let now = 0
    const heartbeat = openHeartbeat(10_000, 3, () => now)
    now = 30_000
    expect(heartbeat.alive()).toBe(true)
    now = 30_001
    expect(heartbeat.alive()).toBe(false)
    expect(heartbeat.silentMs()).toBe(30_001)
    heartbeat.beat()
    expect(heartbeat.alive()).toBe(true)
  })
})
