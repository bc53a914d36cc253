// Settings: looks, device, where models come from, what takes space, and what this lab is made of.
import { type ReactNode, useState } from 'react';
import type { AppInfo, Settings } from '../../shared/contract.ts';
import { MAX_THREADS } from '../../shared/finetune.ts';
import { useCall, useMutationCall } from '../lab.ts';
import { Button, CheckField, ErrorNote, Labelled, NumberField, Segments, TextField } from '../ui/controls.tsx';
import { DeviceSetting } from '../ui/DeviceSetting.tsx';
import { plural } from '../ui/format.ts';
import { Screen } from '../ui/Screen.tsx';
import './settings.css';
import { Doctor } from './Doctor.tsx';
import { Storage } from './Storage.tsx';

export function SettingsScreen() {
  const settings = useCall('settings.get', {});
  const info = useCall('app.info', {}, { every: 5000 });
  return (
    <Screen label="Settings" crumbs={[]}>
      <ErrorNote error={settings.error ?? info.error} />
      {settings.data && info.data && (
        <div className="scroll settings">
          <div className="settings-column">
            <Looks settings={settings.data} />
            <Downloads
              key={JSON.stringify([settings.data.hubUrl, settings.data.hubToken, settings.data.proxy])}
              settings={settings.data}
            />
            {/* Last: what cannot be had is known only after a trial, and grows it. */}
            <Compute settings={settings.data} info={info.data} />
          </div>
          <div className="settings-column">
            <Storage info={info.data} />
            <Doctor info={info.data} />
          </div>
        </div>
      )}
    </Screen>
  );
}

export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="pane pad stack" aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Looks({ settings }: { settings: Settings }) {
  const set = useMutationCall('settings.set');
  return (
    <Section title="Appearance">
      <Segments
        label="Theme"
        value={settings.theme}
        options={[
          { value: 'system', label: 'As the system' },
          { value: 'light', label: 'Light' },
          { value: 'dark', label: 'Dark' },
        ]}
        onValue={(theme) => set.run({ theme })}
      />
      <ErrorNote error={set.error} />
    </Section>
  );
}

function Compute({ settings, info }: { settings: Settings; info: AppInfo }) {
  const providers = useCall('model.providers', {});
  const set = useMutationCall('settings.set');
  return (
    <Section title="Compute">
      <Labelled
        label="Device"
        hint="Auto takes the processor, or what is at least twice as fast in a trial. When a chosen device is gone, the lab says so and uses the processor."
      >
        <DeviceSetting />
      </Labelled>
      <div className="row threads">
        <CheckField checked={settings.threads === 0} onChecked={(all) => set.run({ threads: all ? 0 : info.cpus })}>
          All {plural(info.cpus, 'thread')}
        </CheckField>
        {settings.threads > 0 && (
          <NumberField
            label="Threads"
            value={settings.threads}
            min={1}
            max={MAX_THREADS}
            onValue={(threads) => set.run({ threads })}
          />
        )}
      </div>
      <ul className="stack small tight">
        {providers.data
          ?.filter((each) => !each.available)
          .map((each) => (
            <li key={each.id} className="muted provider">
              <b>{each.id}</b>: {each.reason}
            </li>
          ))}
      </ul>
      <ErrorNote error={set.error} />
    </Section>
  );
}

/** Addresses are saved together, on the user's word: half an address is never tried. */
function Downloads({ settings }: { settings: Settings }) {
  const [draft, setDraft] = useState({ hubUrl: settings.hubUrl, hubToken: settings.hubToken, proxy: settings.proxy });
  const set = useMutationCall('settings.set');
  const changed =
    draft.hubUrl !== settings.hubUrl || draft.hubToken !== settings.hubToken || draft.proxy !== settings.proxy;
  return (
    <Section title="Downloads">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          set.run(draft);
        }}
      >
        <Labelled label="Address of the Hub, or of a mirror">
          <TextField
            label="Hub address"
            mono
            value={draft.hubUrl}
            onValue={(hubUrl) => setDraft({ ...draft, hubUrl })}
          />
        </Labelled>
        <Labelled
          label="Token"
          hint="Only for models that ask for one. Kept on this machine, sent to the address above alone."
        >
          <TextField
            label="Token"
            type="password"
            mono
            value={draft.hubToken}
            onValue={(hubToken) => setDraft({ ...draft, hubToken })}
          />
        </Labelled>
        <Labelled label="Proxy" hint="Empty: as the system says.">
          <TextField
            label="Proxy"
            mono
            placeholder="http://proxy:8080"
            value={draft.proxy}
            onValue={(proxy) => setDraft({ ...draft, proxy })}
          />
        </Labelled>
        <div className="row">
          <Button type="submit" disabled={!changed || set.busy}>
            Save
          </Button>
          <span className="muted small">Nothing is fetched until you press Download on a model.</span>
        </div>
      </form>
      <ErrorNote error={set.error} />
    </Section>
  );
}
