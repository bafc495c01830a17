import { MimeModel, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import type { OutputEvent } from '../api/types';

/** One rich output, drawn by Lab's own renderers as in a notebook that is not trusted. */
export function Rich(props: {
  output: OutputEvent;
  rendermime: IRenderMimeRegistry;
  onHeight: (height: number) => void;
}): React.JSX.Element {
  const { output, rendermime, onHeight } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const tell = React.useRef(onHeight);
  tell.current = onHeight;

  React.useLayoutEffect(() => {
    const node = host.current;
    const data = (output.data ?? {}) as ReadonlyPartialJSONObject;
    const mime = rendermime.preferredMimeType(data, 'ensure');
    if (!node || mime === undefined) {
      return;
    }
    const metadata = (output.metadata ?? {}) as ReadonlyPartialJSONObject;
    const widget = rendermime.createRenderer(mime);
    void widget.renderModel(new MimeModel({ data, metadata, trusted: false }));
    MessageLoop.sendMessage(widget, Widget.Msg.BeforeAttach);
    node.appendChild(widget.node);
    MessageLoop.sendMessage(widget, Widget.Msg.AfterAttach);
    const observer = new ResizeObserver(() => tell.current(node.offsetHeight));
    observer.observe(node);
    return () => {
      observer.disconnect();
      MessageLoop.sendMessage(widget, Widget.Msg.BeforeDetach);
      widget.node.remove();
      MessageLoop.sendMessage(widget, Widget.Msg.AfterDetach);
      widget.dispose();
    };
  }, [output, rendermime]);
  return (
    // Lab's sanitizer leaves forms without an address: to send one would load Lab anew
    <div
      ref={host}
      className="jp-cloudml-Log-rich jp-RenderedHTMLCommon"
      onSubmit={event => event.preventDefault()}
    />
  );
}
