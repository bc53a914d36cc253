// A question that must be answered before going on: rare, small, closed by Esc, focus returns to where it came from.
import { Dialog as BaseDialog } from '@base-ui/react/dialog';
import { type ReactNode, useRef } from 'react';
import { Button, ErrorNote } from './controls.tsx';
import { focusBefore } from './focus.ts';

/**
 * Put on the control of a dialog that has the focus first. The browser's own autofocus would come before the dialog has noted
 * where the focus was, and it would not find its way back.
 */
export const DIALOG_FOCUS = { 'data-dialog-focus': '' };

type DialogProps = {
  open: boolean;
  onClose(): void;
  title: string;
  children: ReactNode;
  foot?: ReactNode;
  wide?: boolean;
};

export function Dialog({ open, onClose, title, children, foot, wide = false }: DialogProps) {
  const popup = useRef<HTMLDivElement>(null);
  const first = () => popup.current?.querySelector<HTMLElement>('[data-dialog-focus]') ?? true;
  return (
    <BaseDialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className="backdrop" />
        <BaseDialog.Popup
          ref={popup}
          initialFocus={first}
          finalFocus={focusBefore}
          className={wide ? 'dialog wide' : 'dialog'}
        >
          <BaseDialog.Title>{title}</BaseDialog.Title>
          {children}
          {foot && <div className="dialog-foot">{foot}</div>}
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}

type ConfirmProps = {
  open: boolean;
  onClose(): void;
  title: string;
  children: ReactNode;
  action: string;
  danger?: boolean;
  busy?: boolean;
  error?: unknown;
  onConfirm(): void;
};

/** States what will happen, and does it on the user's word. */
export function Confirm({ action, danger = false, busy = false, error, onConfirm, ...rest }: ConfirmProps) {
  return (
    <Dialog
      {...rest}
      foot={
        <>
          <Button onClick={rest.onClose}>Cancel</Button>
          <Button kind={danger ? 'danger' : 'primary'} disabled={busy} onClick={onConfirm}>
            {action}
          </Button>
        </>
      }
    >
      <div className="stack">{rest.children}</div>
      <ErrorNote error={error} />
    </Dialog>
  );
}
