// The templates, one a line: Enter adds one below, Backspace removes empty, arrows go between them.
import { Plus, X } from 'lucide-react';
import { type KeyboardEvent, useRef, useState } from 'react';
import { useCall } from '../lab.ts';
import { templateProblem } from '../ui/captions.ts';
import { Button, IconButton, Kbd, TextField } from '../ui/controls.tsx';
import { plural } from '../ui/format.ts';
import { useKeys } from '../ui/keys.ts';
import { Menu, numbered } from '../ui/Menu.tsx';
import { bindingsOf } from '../ui/Screen.tsx';
import { addedAfter, type Draft, edit, removedAt, withTemplate } from './drafts.ts';

type Props = { draft: Draft; change(next: (before: Draft) => Draft): void };

export function Templates({ draft, change }: Props) {
  const list = useRef<HTMLUListElement>(null);
  const { templates } = draft.now;
  const focus = (at: number) =>
    requestAnimationFrame(() => list.current?.querySelectorAll('input')[Math.max(0, at)]?.focus());
  const add = (after: number) => {
    change((before) => edit(before, addedAfter(before.now, after), '', Date.now()));
    focus(after + 1);
  };
  const remove = (at: number) => {
    change((before) => edit(before, removedAt(before.now, at), '', Date.now()));
    focus(at === 0 ? 0 : at - 1);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>, at: number) => {
    if (event.nativeEvent.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter') add(at);
    else if (event.key === 'Backspace' && templates[at] === '' && templates.length > 1) remove(at);
    else if (event.key === 'ArrowUp') focus(at - 1);
    else if (event.key === 'ArrowDown') focus(at + 1);
    else return;
    event.preventDefault();
  };
  return (
    <section className="pane caption-list" aria-label="Templates">
      <div className="row">
        <h3>
          Templates <span className="faint">{`{} is the class`}</span>
        </h3>
        <span className="spacer" />
        <BuiltInSets change={change} />
      </div>
      <ul className="scroll" ref={list}>
        {templates.map((text, at) => {
          const problem = templateProblem(text);
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: a template is its place; its text changes as it is typed.
            <li key={at} className="template-row">
              <TextField
                label={`Template ${at + 1}`}
                value={text}
                placeholder="a photo of a {}."
                aria-invalid={problem !== null}
                onValue={(next) =>
                  change((before) => edit(before, withTemplate(before.now, at, next), `template ${at}`, Date.now()))
                }
                onKeyDown={(event) => onKeyDown(event, at)}
              />
              <IconButton
                label={`Remove template ${at + 1}`}
                icon={<X size={13} />}
                disabled={templates.length === 1}
                onClick={() => remove(at)}
              />
              {problem && <span className="bad small">{problem}; left out of the score</span>}
            </li>
          );
        })}
      </ul>
      <div className="row">
        <Button size="small" icon={<Plus size={13} />} onClick={() => add(templates.length - 1)}>
          Add a template
        </Button>
        <span className="muted small">
          <kbd>↵</kbd> below · <kbd>⌫</kbd> removes empty
        </span>
      </div>
    </section>
  );
}

/** What others have used, to begin from; B opens the list. */
function BuiltInSets({ change }: Pick<Props, 'change'>) {
  const sets = useCall('prompt.sets', {}).data ?? [];
  const [open, setOpen] = useState(false);
  const builtIn = {
    label: 'Built-in sets',
    keys: 'B',
    menu: sets.map((set, i) => ({
      ...numbered(i),
      label: `${set.name}, ${plural(set.templates.length, 'template')}`,
      run: () => change((before) => edit(before, { ...before.now, templates: [...set.templates] }, '', Date.now())),
    })),
  };
  useKeys(bindingsOf(builtIn, 'Prompt', () => setOpen(true)));
  return (
    <Menu
      label={builtIn.label}
      open={open}
      onOpen={setOpen}
      trigger={
        <>
          {builtIn.label}
          <Kbd keys={builtIn.keys} />
        </>
      }
      items={builtIn.menu}
    />
  );
}
