// The page's end, for the test to call: a line to the engine as renderer/host.ts asks for it.
import { ENGINE_PORT, type HostApi } from '../../../../shared/host-api.ts';
import { type Client, connect } from '../../../../shared/rpc.ts';
import { portWire } from '../../../../shared/wires.ts';

const { lab } = window as unknown as { lab: HostApi };

function open(): Promise<Client> {
  return new Promise((resolve) => {
    addEventListener('message', function receive(event) {
      if (event.data !== ENGINE_PORT || !event.ports[0]) return;
      removeEventListener('message', receive);
      resolve(connect(portWire(event.ports[0])));
    });
    lab.askForEngine();
  });
}

/** What the content security policy makes of eval; code that a debugger runs is exempt from it. */
function tryEval(): string {
  try {
    return String(new Function('return 1')());
  } catch (error) {
    return (error as Error).name;
  }
}

Object.assign(window, { openEngine: open, evalOutcome: tryEval() });
