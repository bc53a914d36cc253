// The sheet of keys: everything that can be done here without a mouse, by group.
import { Kbd } from './controls.tsx';
import { Dialog } from './Dialog.tsx';
import { useBindings } from './keys.ts';

export const KeySheet = ({ open, onClose }: { open: boolean; onClose(): void }) => (
  <Dialog open={open} onClose={onClose} title="Keys" wide>
    <Groups />
  </Dialog>
);

/** Only there while the sheet is open: the keys change with every screen. */
function Groups() {
  const bindings = useBindings().filter((each) => each.keys);
  const groups = [...new Set(bindings.map((each) => each.group ?? 'Everywhere'))];
  return (
    <div className="key-groups scroll">
      {groups.map((group) => (
        <section key={group}>
          <h3>{group}</h3>
          <dl>
            {bindings
              .filter((each) => (each.group ?? 'Everywhere') === group)
              .map((each) => (
                <div key={`${each.keys}${each.label}`}>
                  <dt>
                    <Kbd keys={each.keys!} />
                  </dt>
                  <dd>{each.label}</dd>
                </div>
              ))}
          </dl>
        </section>
      ))}
    </div>
  );
}
