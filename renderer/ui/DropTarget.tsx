// What happens when something is dropped on the window: the screen says what it takes; elsewhere a drop does nothing.
import { useEffect, useRef, useState } from 'react';
import { droppedPaths } from '../host.ts';

type DropTargetProps = {
  /** "Drop a folder of images to import it" */
  label: string;
  onPaths(paths: string[]): void;
  /** Files came without paths (a browser hides them); `why` says so. */
  onNoPath(why: string): void;
};

const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;

export function DropTarget(props: DropTargetProps) {
  const [over, setOver] = useState(false);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    const enter = (event: DragEvent) => carriesFiles(event) && setOver(true);
    const leave = (event: DragEvent) => event.relatedTarget === null && setOver(false);
    const drop = (event: DragEvent) => {
      setOver(false);
      if (!event.dataTransfer || !carriesFiles(event)) return;
      const { paths, reason } = droppedPaths(event.dataTransfer);
      if (paths.length > 0) latest.current.onPaths(paths);
      else if (reason) latest.current.onNoPath(reason);
    };
    window.addEventListener('dragenter', enter);
    window.addEventListener('dragleave', leave);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragenter', enter);
      window.removeEventListener('dragleave', leave);
      window.removeEventListener('drop', drop);
    };
  }, []);
  return over ? <div className="drop-target">{props.label}</div> : null;
}

/** Without this a dropped file would replace the page. */
export function refuseStrayDrops(): () => void {
  const prevent = (event: DragEvent) => event.preventDefault();
  window.addEventListener('dragover', prevent);
  window.addEventListener('drop', prevent);
  return () => {
    window.removeEventListener('dragover', prevent);
    window.removeEventListener('drop', prevent);
  };
}
