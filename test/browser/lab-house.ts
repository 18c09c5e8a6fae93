import { type Lab, startLab } from '../../src/lab/lab.ts'
import { type House, openHouse, type RunningDaemon } from '../servers/revenant.ts'

export interface LabHouse {
  house: House
  lab: Lab
  daemon: RunningDaemon
  stop(): Promise<void>
}

/** The demo's lab with the real daemon beside it, everything imported: real findings within seconds. */
export async function openLabHouse(): Promise<LabHouse> {
  const house = openHouse()
  const lab = await startLab(house.path('lab'))
  const stop = async () => {
    await house.stop()
    await lab.stop()
  }
  try {
    house.configure({
      instance: 'demo',
      policy: {
        ...{ confirmAfter: '1s', cadence: [{ every: '10s' }], provenEvery: '10s' },
        revokeWithin: { default: '24h', critical: '1h' },
      },
      systems: lab.systems,
      telemetry: { traceUrl: 'http://127.0.0.1:9/trace/{traceId}' },
      alerts: [
        {
          name: 'receiver',
          sink: 'webhook',
          format: 'json',
          to: lab.receiver.url,
          secret: lab.receiver.secret,
          minSeverity: 'info',
        },
      ],
    })
    const daemon = await house.daemon()
    for (const words of [
      ['identities', lab.identitiesFile],
      ['credentials', lab.credentialsFile],
    ]) {
      const ran = await house.run(['import', ...words])
      if (ran.exit !== 0) throw new Error(`import ${words.join(' ')}: ${ran.stdout}${ran.stderr}`)
    }
    return { house, lab, daemon, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
