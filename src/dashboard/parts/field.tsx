import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { filters, setFilters } from '../navigate.ts'

/** A field with its label and a hint. */
export function Field(props: { label: string; hint?: string; wide?: boolean; children: ComponentChildren }): JSX.Element {
  return (
    <label class={`field ${props.wide === true ? 'wide' : ''}`}>
      <span>{props.label}</span>
      {props.children}
      {props.hint === undefined ? undefined : <span class="hint">{props.hint}</span>}
    </label>
  )
}

/** One choice of a closed list, kept in the address. */
export function FilterSelect(props: {
  name: string
  label: string
  any?: string
  choices: Readonly<Record<string, string>>
  standard?: string
}): JSX.Element {
  const { name, label, any = 'Any', choices, standard = '' } = props
  const value = filters()[name] ?? standard
  return (
    <Field label={label}>
      <select value={value} onChange={(event) => setFilters({ [name]: event.currentTarget.value })}>
        <option value={standard === '' ? '' : 'any'}>{any}</option>
        {Object.entries(choices).map(([code, word]) => (
          <option key={code} value={code}>
            {word}
          </option>
        ))}
      </select>
    </Field>
  )
}

/** How long somebody pauses before what he wrote is asked for. */
const PAUSE_MS = 250

/** A search, kept in the address. */
export function FilterText({ name, label, hint }: { name: string; label: string; hint: string }): JSX.Element {
  const given = filters()[name] ?? ''
  const [text, setText] = useState(given)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => setText(given), [given])
  const change = (value: string) => {
    setText(value)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setFilters({ [name]: value.trim() }), PAUSE_MS)
  }
  return (
    <Field label={label} wide>
      <input
        type="search"
        name={name}
        value={text}
        placeholder={hint}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </Field>
  )
}
