import type { IOutput } from '@jupyterlab/nbformat';
import { OutputArea, OutputAreaModel } from '@jupyterlab/outputarea';
import type { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { JSONExt } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { Panel } from '@lumino/widgets';
import * as React from 'react';

import { isFinal, type JobSnapshot, type OutputEvent } from '../api/types';
import { bindResults, hearSession, sessionOf } from './binding';
import { MIME, marksOf, type Marks } from './marks';
import { JobModel, type Server } from './model';
import { plainBundle } from './plain';
import { asUntrusted } from './safe';
import { isNotice, Slot } from './slot';
import { storedSnapshot } from './stored';
import { DrawnOutputs } from './tail';
import { CardView, type CardAction } from './view';
import { Visibility } from './visibility';
import { whoShows, type Shown } from './who';

export interface CardTools {
  readonly server: Server | null;
  readonly rendermime: IRenderMimeRegistry;
  readonly trans: TranslationBundle;
  /** Null where there is no such page. */
  readonly openJob: ((id: string) => void) | null;
  readonly openRun: ((runId: string) => void) | null;
}

/**
 * The renderer of `application/vnd.cloudml.job+json`: the card, live, and below it the job's output where the cell
 * does not hold it (`who.ts`). When the job is over and no kernel could say so, it writes the end into the cell.
 */
export class JobCard extends Panel implements IRenderMime.IRenderer {
  constructor(private readonly _tools: CardTools) {
    super();
    this.addClass('jp-cloudml-JobCard');
    // Lab's sanitizer leaves forms without an address: to send one would load Lab anew
    this.node.addEventListener('submit', event => event.preventDefault());
    this.addWidget(this._face);
    this._visibility.changed.connect(this._arrange, this);
  }

  /** Called for the stored card first, and for every update that the kernel sends. */
  renderModel(mime: IRenderMime.IMimeModel): Promise<void> {
    const snapshot = storedSnapshot(mime.data[MIME]);
    if (snapshot === null) {
      this._showText(mime);
      return Promise.resolve();
    }
    this._marks = marksOf(mime.metadata);
    if (this._model === null || this._model.jobId !== snapshot.id) {
      this._model?.dispose();
      this._model = new JobModel(snapshot, snapshot.id, this._tools.server);
      this._model.changed.connect(this._arrange, this);
    }
    this._stored = snapshot;
    if (this._isPlayed) {
      this._model.tell(snapshot);
    }
    this._arrange();
    return Promise.resolve();
  }

  /** A card that is none: the words that it carries beside it. */
  private _showText(mime: IRenderMime.IMimeModel): void {
    const text = mime.data['text/plain'];
    this.node.textContent = typeof text === 'string' ? text : '';
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._visibility.dispose();
    this._model?.dispose();
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._visibility.observe();
    this._watchExecution();
    const { area, panel } = this._slot;
    area?.model.changed.connect(this._hideHeld, this);
    panel?.sessionContext.statusChanged.connect(this._hearKernel, this);
    this._hearKernel();
    this._arrange();
  }

  protected override onBeforeDetach(message: Message): void {
    const { area, panel } = this._slot;
    area?.model.changed.disconnect(this._hideHeld, this);
    panel?.sessionContext.statusChanged.disconnect(this._hearKernel, this);
    this._visibility.unobserve();
    super.onBeforeDetach(message);
  }

  private get _isPlayed(): boolean {
    return this._slot.execution !== null;
  }

  /** Another kernel may lack what this job has brought home. */
  private _hearKernel(): void {
    const { kernel } = this._slot;
    if (kernel) {
      hearSession(kernel);
    }
    if (this._model?.isOver) {
      this._face.update();
    }
  }

  /** When the execution that plays the output is over, whatever ended it, look again who shows it. */
  private _watchExecution(): void {
    void this._slot.execution?.then(() => {
      if (!this.isDisposed) {
        this._arrange();
        this._model?.refresh();
      }
    });
  }

  /** Bring everything in line with what is known now. */
  private _arrange(): void {
    const model = this._model;
    if (model === null || this.isDisposed) {
      return;
    }
    model.isKernelTold = this._isPlayed;
    model.isWatched = this._visibility.isVisible;
    this._shown = this._whoShows(model);
    if (this._shown === 'card') {
      this._showOutputs(model);
    } else {
      this._dropOutputs();
    }
    this._hideHeld();
    this._face.update();
    this._storeEnd(model);
  }

  private _whoShows(model: JobModel): Shown {
    return model.snapshot === null
      ? 'nowhere'
      : whoShows({
          marks: this._marks,
          snapshot: model.snapshot,
          isPlayed: this._isPlayed,
          isInCell: this._slot.isInCell,
          hasServer: model.hasServer && (model.isLive || this._outputs !== null),
          isUnknown: model.isUnknown
        });
  }

  private _hideHeld(): void {
    const isHidden = this._shown === 'card' && (this._model?.feed()?.isReady ?? false);
    if (isHidden || this._isHiding) {
      this._slot.hideOutputs(isHidden);
      this._isHiding = isHidden;
    }
  }

  private _showOutputs(model: JobModel): void {
    const feed = model.feed();
    if (feed === null) {
      return;
    }
    if (this._outputs === null) {
      feed.changed.connect(this._arrange, this);
      const { rendermime } = this._tools;
      this._outputs = new OutputArea({
        model: new OutputAreaModel({ trusted: false }),
        rendermime
      });
      this._outputs.addClass('jp-cloudml-JobCard-outputs');
      this.addWidget(this._outputs);
    }
    this._drawn.draw(this._outputs.model, feed.fold);
  }

  private _dropOutputs(): void {
    if (this._outputs !== null) {
      this._model?.feed()?.changed.disconnect(this._arrange, this);
      this._outputs.model.dispose();
      this._outputs.dispose();
      this._outputs = null;
      this._drawn.forget();
    }
  }

  /** The saved notebook must not say RUNNING for ever: what the kernel could not write is written here. */
  private _storeEnd(model: JobModel): void {
    const { snapshot } = model;
    if (snapshot === null || !model.isOver || !model.isLive || this._isPlayed || this._isStoring) {
      return;
    }
    if (!this._slot.isInCell || this._slot.isReadOnly) {
      return;
    }
    const needsOutput = this._shown === 'card';
    const needsCard =
      !isFinal(this._stored?.state ?? 'LOST') || this._stored?.attempt !== snapshot.attempt;
    const feed = model.feed();
    if (needsOutput ? !feed?.isWhole : !needsCard) {
      return;
    }
    this._isStoring = true;
    const outputs = needsOutput && feed ? this._asStored(feed.fold.outputs()) : null;
    this._slot.store(this._asCard(snapshot, needsOutput), outputs);
    this._isStoring = false;
  }

  private _asCard(snapshot: JobSnapshot, isOutputWhole: boolean): IOutput {
    const marks: Marks = isOutputWhole
      ? { output: 'whole', attempt: snapshot.attempt }
      : this._marks;
    return {
      output_type: 'display_data',
      data: { [MIME]: snapshot, ...plainBundle(snapshot, this._tools.trans) },
      metadata: Object.keys(marks).length > 0 ? { [MIME]: marks } : {}
    } as unknown as IOutput;
  }

  /** As an untrusted notebook shows it; but what the kernel itself has shown already stays as it was. */
  private _asStored(outputs: readonly OutputEvent[]): IOutput[] {
    const held = this._slot.held().filter(output => !isNotice(output));
    return outputs.map(output => {
      const same = held.find(other => JSONExt.deepEqual(other as never, output as never));
      return same ?? (asUntrusted(output, this._tools.rendermime) as unknown as IOutput);
    });
  }

  private _draw(): React.JSX.Element {
    const model = this._model;
    const snapshot = model?.snapshot;
    if (!model || !snapshot) {
      return <></>;
    }
    const { trans, openJob } = this._tools;
    return (
      <>
        <CardView
          snapshot={snapshot}
          samples={model.samples}
          elapsedS={() => model.elapsedS()}
          isTicking={model.isWatched && model.isLive && snapshot.state === 'RUNNING'}
          warning={this._warning(model, snapshot)}
          answer={this._answer}
          actions={this._actions(model, snapshot)}
          onOpen={openJob && model.hasServer ? () => openJob(snapshot.id) : null}
          trans={trans}
        />
        {this._drawn.isCut && (
          <p className="jp-cloudml-dim">
            {trans.__(
              'Only the end of the output is shown here; all of it is on the page of the job.'
            )}
          </p>
        )}
      </>
    );
  }

  private _warning(model: JobModel, snapshot: JobSnapshot): string {
    const { trans } = this._tools;
    if (isFinal(snapshot.state) || model.isLive) {
      return model.error && !isFinal(snapshot.state) ? model.error : '';
    }
    const when = new Date(snapshot.updated_at * 1000).toLocaleString();
    if (model.isUnknown) {
      return trans.__('As of %1. This server knows no such job.', when);
    }
    return model.error ? trans.__('As of %1. %2', when, model.error) : '';
  }

  private _actions(model: JobModel, snapshot: JobSnapshot): CardAction[] {
    const { trans, openRun, openJob } = this._tools;
    const actions: CardAction[] = [];
    if (model.hasServer && !model.isUnknown) {
      if (!model.isOver) {
        actions.push({ id: 'cancel', label: trans.__('Cancel'), run: () => model.cancel() });
      }
      if (this._offersToBind(snapshot)) {
        const isMain = this._marks.bound === undefined;
        actions.push({
          id: 'bind',
          label: trans.__('Bind results'),
          isMain,
          run: () => this._bind(snapshot.id)
        });
      }
      if (model.isOver && snapshot.state !== 'SUCCEEDED') {
        actions.push({ id: 'retry', label: trans.__('Retry'), run: () => model.retry() });
      }
      if (openJob) {
        actions.push({ id: 'open', label: trans.__('Job page'), run: () => openJob(snapshot.id) });
      }
    }
    if (snapshot.run_id && openRun) {
      actions.push({ id: 'run', label: trans.__('Open run'), run: () => openRun(snapshot.run_id) });
    } else if (snapshot.links.run) {
      const { run } = snapshot.links;
      actions.push({
        id: 'run',
        label: trans.__('Open run'),
        run: () => void window.open(run, '_blank', 'noopener')
      });
    }
    return actions;
  }

  /** When the job has brought something home that this kernel has not: it was restarted, or the lab was closed. */
  private _offersToBind(snapshot: JobSnapshot): boolean {
    const kernel = this._slot.kernel;
    const hasResult =
      snapshot.kind === 'cell' && (snapshot.state === 'SUCCEEDED' || snapshot.state === 'FAILED');
    if (!hasResult || kernel === null || this._isPlayed || !this._isOfThisCell(snapshot)) {
      return false;
    }
    const { bound } = this._marks;
    const session = sessionOf(kernel);
    return bound === undefined || (session !== undefined && session !== bound);
  }

  /** Whether this cell started the job: it shows its output, or was told to go on without it (`--detach`). */
  private _isOfThisCell(snapshot: JobSnapshot): boolean {
    const isStarted = snapshot.cell_id !== '' && snapshot.cell_id === this._slot.cell?.model.id;
    return this._marks.output !== undefined || isStarted;
  }

  private async _bind(id: string): Promise<void> {
    const kernel = this._slot.kernel;
    if (kernel === null) {
      throw new Error(this._tools.trans.__('This notebook has no kernel'));
    }
    this._answer = await bindResults(kernel, id);
    const bound = sessionOf(kernel);
    this._marks = { ...this._marks, ...(bound !== undefined && { bound }) };
    if (this._stored !== null && this._slot.isInCell && !this._slot.isReadOnly) {
      this._slot.store(this._asCard(this._model?.snapshot ?? this._stored, false), null);
    }
    this._face.update();
  }

  private readonly _slot = new Slot(this);
  private readonly _visibility = new Visibility(this.node);
  private readonly _face = new Face(() => this._draw());
  private readonly _drawn = new DrawnOutputs();
  private _model: JobModel | null = null;
  private _outputs: OutputArea | null = null;
  private _stored: JobSnapshot | null = null;
  private _marks: Marks = {};
  private _shown: Shown = 'nowhere';
  private _answer = '';
  private _isHiding = false;
  private _isStoring = false;
}

/** React inside Lumino: drawn anew whenever the card says so. */
class Face extends ReactWidget {
  constructor(private readonly _draw: () => React.JSX.Element) {
    super();
  }

  protected override render(): React.JSX.Element {
    return this._draw();
  }
}
