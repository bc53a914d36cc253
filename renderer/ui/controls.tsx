// The kit: buttons, fields, lists and notes over Base UI, with our looks (style/controls.css). Every control has a name.
import { Button as BaseButton } from '@base-ui/react/button';
import { Checkbox } from '@base-ui/react/checkbox';
import { NumberField as BaseNumberField } from '@base-ui/react/number-field';
import { Select as BaseSelect } from '@base-ui/react/select';
import { Toggle } from '@base-ui/react/toggle';
import { ToggleGroup } from '@base-ui/react/toggle-group';
import { Tooltip } from '@base-ui/react/tooltip';
import { AlertTriangle, Check, ChevronDown, CircleX, Info, Minus, Plus, X } from 'lucide-react';
import { type ComponentProps, type ReactElement, type ReactNode, useId, useState } from 'react';
import { LabError } from '../../shared/contract.ts';
import { errorText, useLine } from '../lab.ts';
import { keyText } from './keys.ts';

export const Kbd = ({ keys }: { keys: string }) => <kbd>{keyText(keys)}</kbd>;

type HintProps = { text: ReactNode; keys?: string | undefined; children: ReactElement };

/** A hint on hover and focus, for the control given as the only child; null: none now. Never the only place of a meaning. */
export function Hint({ text, keys, children }: HintProps) {
  return (
    <Tooltip.Root disabled={text === null}>
      <Tooltip.Trigger render={children as ReactElement<Record<string, unknown>>} delay={400} />
      <Tooltip.Portal>
        <Tooltip.Positioner sideOffset={6} className="positioner">
          <Tooltip.Popup className="tooltip">
            {text}
            {keys && <Kbd keys={keys} />}
          </Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

type ButtonProps = Omit<ComponentProps<typeof BaseButton>, 'className' | 'disabled'> & {
  kind?: 'normal' | 'primary' | 'quiet' | 'danger';
  size?: 'normal' | 'small';
  icon?: ReactNode;
  keys?: string | undefined;
  /** A string says why not, on hover and focus; the button stays reachable by keyboard. */
  disabled?: boolean | string | undefined;
};

export function Button({ kind = 'normal', size = 'normal', icon, keys, disabled, children, ...rest }: ButtonProps) {
  const reason = typeof disabled === 'string' ? disabled : null;
  // A button that was pressed is disabled while that works: it keeps the focus, so that keys go on from there.
  const [held, setHeld] = useState(false);
  const names = ['btn', kind === 'normal' ? '' : kind, size === 'small' ? 'small' : ''].join(' ').trim();
  const button = (
    <BaseButton
      type="button"
      {...rest}
      className={names}
      disabled={Boolean(disabled)}
      focusableWhenDisabled={reason !== null || held}
      onFocus={(event) => {
        setHeld(true);
        rest.onFocus?.(event);
      }}
      onBlur={(event) => {
        setHeld(false);
        rest.onBlur?.(event);
      }}
      {...(reason ? { 'aria-description': reason } : {})}
    >
      {icon}
      {children}
      {keys && <Kbd keys={keys} />}
    </BaseButton>
  );
  // One that may be disabled is always wrapped: a button that moved in the tree would lose the focus.
  return disabled === undefined ? button : <Hint text={reason}>{button}</Hint>;
}

/** A button that is only a picture: `label` is its name and its hint. */
export function IconButton({
  label,
  icon,
  keys,
  ...rest
}: Omit<ComponentProps<typeof BaseButton>, 'className' | 'children'> & {
  label: string;
  icon: ReactNode;
  keys?: string;
}) {
  return (
    <Hint text={label} keys={keys}>
      <BaseButton type="button" {...rest} aria-label={label} className="btn quiet icon">
        {icon}
      </BaseButton>
    </Hint>
  );
}

/** A visible name over a control, with a line of help under it. The control names itself (`label`) for screen readers. */
export function Labelled({ label, hint, children }: { label: string; hint?: ReactNode; children: ReactNode }) {
  return (
    <div className="labelled">
      <span className="label">{label}</span>
      {children}
      {hint && <span className="hint">{hint}</span>}
    </div>
  );
}

type TextFieldProps = Omit<ComponentProps<'input'>, 'onChange' | 'className'> & {
  label: string;
  onValue(value: string): void;
  mono?: boolean;
};

/** One line of text; `label` is its accessible name (put it in a Labelled to show it). */
export function TextField({ label, onValue, mono, ...rest }: TextFieldProps) {
  return (
    <input
      type="text"
      spellCheck={false}
      autoComplete="off"
      {...rest}
      aria-label={label}
      className={mono ? 'field mono' : 'field'}
      onChange={(event) => onValue(event.target.value)}
    />
  );
}

export function TextArea({
  label,
  onValue,
  ...rest
}: Omit<ComponentProps<'textarea'>, 'onChange' | 'className'> & { label: string; onValue(value: string): void }) {
  return (
    <textarea
      spellCheck={false}
      {...rest}
      aria-label={label}
      className="field"
      onChange={(event) => onValue(event.target.value)}
    />
  );
}

/** A number with steps; an empty field keeps the last value. */
export function NumberField({
  label,
  value,
  onValue,
  min,
  max,
  step = 1,
  digits = 0,
}: {
  label: string;
  value: number;
  onValue(value: number): void;
  min?: number;
  max?: number;
  step?: number;
  digits?: number;
}) {
  return (
    <BaseNumberField.Root
      value={value}
      onValueChange={(next) => next !== null && onValue(next)}
      {...(min === undefined ? {} : { min })}
      {...(max === undefined ? {} : { max })}
      step={step}
      format={{ maximumFractionDigits: digits, useGrouping: false }}
    >
      <BaseNumberField.Group className="number">
        <BaseNumberField.Decrement aria-label={`Less: ${label}`}>
          <Minus size={12} />
        </BaseNumberField.Decrement>
        <BaseNumberField.Input aria-label={label} />
        <BaseNumberField.Increment aria-label={`More: ${label}`}>
          <Plus size={12} />
        </BaseNumberField.Increment>
      </BaseNumberField.Group>
    </BaseNumberField.Root>
  );
}

export type Option<V extends string> = { value: V; label: string; note?: string | undefined; disabled?: boolean };

/** One of a list. */
export function Select<V extends string>({
  label,
  value,
  options,
  onValue,
  disabled = false,
}: {
  label: string;
  value: V;
  options: Option<NoInfer<V>>[];
  onValue(value: NoInfer<V>): void;
  disabled?: boolean;
}) {
  return (
    <BaseSelect.Root
      items={options}
      value={value}
      onValueChange={(next) => next !== null && onValue(next as V)}
      disabled={disabled}
      modal={false}
    >
      <BaseSelect.Trigger className="btn select" aria-label={label}>
        <BaseSelect.Value />
        <BaseSelect.Icon className="select-icon">
          <ChevronDown size={14} />
        </BaseSelect.Icon>
      </BaseSelect.Trigger>
      <BaseSelect.Portal>
        <BaseSelect.Positioner className="positioner" sideOffset={4} alignItemWithTrigger={false}>
          <BaseSelect.Popup className="popup">
            <BaseSelect.List>
              {options.map((option) => (
                <BaseSelect.Item
                  key={option.value}
                  value={option.value}
                  disabled={option.disabled ?? false}
                  className="option"
                >
                  <span className="tick">
                    <BaseSelect.ItemIndicator>
                      <Check size={14} />
                    </BaseSelect.ItemIndicator>
                  </span>
                  <BaseSelect.ItemText>{option.label}</BaseSelect.ItemText>
                  {option.note && <span className="faint small">{option.note}</span>}
                </BaseSelect.Item>
              ))}
            </BaseSelect.List>
          </BaseSelect.Popup>
        </BaseSelect.Positioner>
      </BaseSelect.Portal>
    </BaseSelect.Root>
  );
}

/** One of a few, all in sight. */
export function Segments<V extends string>({
  label,
  value,
  options,
  onValue,
}: {
  label: string;
  value: V;
  options: Option<NoInfer<V>>[];
  onValue(value: NoInfer<V>): void;
}) {
  return (
    <ToggleGroup
      aria-label={label}
      value={[value]}
      onValueChange={(next) => next[0] && onValue(next[0] as V)}
      className="segments"
    >
      {options.map((option) => (
        <Toggle key={option.value} value={option.value} disabled={option.disabled ?? false} className="btn">
          {option.label}
          {option.note && <span className="small num">{option.note}</span>}
        </Toggle>
      ))}
    </ToggleGroup>
  );
}

export function CheckField({
  checked,
  onChecked,
  disabled = false,
  children,
}: {
  checked: boolean;
  onChecked(checked: boolean): void;
  disabled?: boolean;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <span className="check" data-disabled={disabled || undefined}>
      <Checkbox.Root id={id} checked={checked} onCheckedChange={onChecked} disabled={disabled} className="check-box">
        <Checkbox.Indicator>
          <Check size={12} strokeWidth={3} />
        </Checkbox.Indicator>
      </Checkbox.Root>
      <label htmlFor={id}>{children}</label>
    </span>
  );
}

/** How far something is, 0 to 1. Indeterminate (null) is an empty meter: nothing moves that says nothing. */
export function Meter({ value, label, wide = false }: { value: number | null; label: string; wide?: boolean }) {
  const part = Math.max(0, Math.min(1, value ?? 0));
  return (
    <span
      className={wide ? 'meter wide' : 'meter'}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(value === null ? {} : { 'aria-valuenow': Math.round(part * 100) })}
    >
      <i style={{ width: `${part * 100}%` }} />
    </span>
  );
}

type NoteKind = 'info' | 'good' | 'warn' | 'bad' | 'plain';
const SIGNS: Record<NoteKind, ReactNode> = {
  info: <Info size={16} />,
  good: <Check size={16} />,
  warn: <AlertTriangle size={16} />,
  bad: <CircleX size={16} />,
  plain: null,
};

/** A sentence in its place, with what can be done about it beside it. */
export function Note({
  kind = 'info',
  children,
  actions,
  onClose,
}: {
  kind?: NoteKind;
  children: ReactNode;
  actions?: ReactNode;
  onClose?: (() => void) | undefined;
}) {
  return (
    <div className={`note ${kind === 'info' ? '' : kind}`} role={kind === 'bad' ? 'alert' : 'note'}>
      {SIGNS[kind]}
      <div className="note-text">{children}</div>
      {actions}
      {onClose && <IconButton label="Close this message" icon={<X size={14} />} onClick={onClose} />}
    </div>
  );
}

/** An error where it happened, in the engine's words. Nothing when there is none. */
export function ErrorNote({ error, retry, onClose }: { error: unknown; retry?: () => void; onClose?: () => void }) {
  const lost = useLine().status === 'lost';
  // The strip under the top bar says that the engine is gone, once for the whole window.
  if (!error || (lost && error instanceof LabError && error.code === 'disconnected')) return null;
  return (
    <Note
      kind="bad"
      onClose={onClose}
      actions={
        retry && (
          <Button size="small" onClick={retry}>
            Try again
          </Button>
        )
      }
    >
      {errorText(error)}
    </Note>
  );
}

/** What will be here, and the one step that leads to it. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}
