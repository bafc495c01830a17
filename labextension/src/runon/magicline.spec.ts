import { edited, findLine, keepHere, sendTo, usesMagics } from './magicline';

const sent = (source: string, target = 'slurm:hpc', earlier?: string): string =>
  edited(source, sendTo(source, target, earlier));

const here = (source: string): string => {
  const edit = keepHere(source);
  return edit ? edited(source, edit) : source;
};

describe('finding the line', () => {
  it('reads the target that the line names', () => {
    expect(findLine('%%cloudtrain fit --gpus 1 --on slurm:hpc\nx = 1')?.target).toBe('slurm:hpc');
    expect(findLine('%%cloudtrain --on=local\nx = 1')?.target).toBe('local');
    expect(findLine("%%cloudtrain --on 'slurm:a b'\nx = 1")?.target).toBe('slurm:a b');
  });

  it('finds a line without a target', () => {
    expect(findLine('%%cloudtrain\nx = 1')?.target).toBe('');
  });

  it('takes the last of two targets, as the parser does', () => {
    expect(findLine('%%cloudtrain --on a --on b')?.target).toBe('b');
  });

  it('does not take the value of a parameter for a flag', () => {
    expect(findLine('%%cloudtrain -p how --on -p lr 0.1 --on local')?.target).toBe('local');
  });

  it('looks past blank lines and magics whose body is Python', () => {
    expect(findLine('\n\n%%cloudtrain --on local\nx = 1')?.target).toBe('local');
    expect(findLine('%%time\n\n%%cloudtrain --on local\nx = 1')?.target).toBe('local');
  });

  it('does not look into comments, code, other languages or text', () => {
    expect(findLine('# note\n%%cloudtrain --on local\n')).toBeNull();
    expect(findLine('x = 1\n%%cloudtrain --on local\n')).toBeNull();
    expect(findLine('%%bash\n%%cloudtrain --on local\n')).toBeNull();
    expect(findLine('%%cloudtrainer --on local\n')).toBeNull();
    expect(findLine('')).toBeNull();
  });
});

describe('sending a cell away', () => {
  it('adds the line above the code, comments and other magics', () => {
    expect(sent('x = 1')).toBe('%%cloudtrain --on slurm:hpc\nx = 1');
    expect(sent('# note\nx = 1')).toBe('%%cloudtrain --on slurm:hpc\n# note\nx = 1');
    expect(sent('%%time\nx = 1')).toBe('%%cloudtrain --on slurm:hpc\n%%time\nx = 1');
    expect(sent('%%bash\necho')).toBe('%%cloudtrain --on slurm:hpc\n%%bash\necho');
  });

  it('keeps blank lines and the indentation of the first line of code', () => {
    expect(sent('\n\nx = 1\n')).toBe('\n\n%%cloudtrain --on slurm:hpc\nx = 1\n');
    expect(sent('  x = 1')).toBe('%%cloudtrain --on slurm:hpc\n  x = 1');
  });

  it('works on an empty cell', () => {
    expect(sent('')).toBe('%%cloudtrain --on slurm:hpc\n');
  });

  it('changes the target and nothing else', () => {
    expect(sent('%%cloudtrain fit  --on local --gpus 1  # no\nx = 1')).toBe(
      '%%cloudtrain fit  --on slurm:hpc --gpus 1  # no\nx = 1'
    );
    expect(sent('%%cloudtrain --on=local -p lr 0.1\nx')).toBe(
      '%%cloudtrain --on=slurm:hpc -p lr 0.1\nx'
    );
    expect(sent('%%time\n%%cloudtrain --on local\nx')).toBe(
      '%%time\n%%cloudtrain --on slurm:hpc\nx'
    );
    expect(sent("%%cloudtrain --on 'a b' --detach\nx")).toBe(
      '%%cloudtrain --on slurm:hpc --detach\nx'
    );
  });

  it('adds a target after the name', () => {
    expect(sent('%%cloudtrain\nx')).toBe('%%cloudtrain --on slurm:hpc\nx');
    expect(sent('%%cloudtrain "my fit" --gpus 2\nx')).toBe(
      '%%cloudtrain "my fit" --on slurm:hpc --gpus 2\nx'
    );
    expect(sent('%%cloudtrain --data a=b c=d\nx')).toBe(
      '%%cloudtrain --on slurm:hpc --data a=b c=d\nx'
    );
  });

  it('says the same twice with an edit that changes nothing', () => {
    const once = sent('%%time\nx = 1');
    expect(sent(once)).toBe(once);
  });

  it('brings the name and flags of an earlier line back', () => {
    expect(sent('x = 1', 'ray', '%%cloudtrain fit --on local --gpus 1')).toBe(
      '%%cloudtrain fit --on ray --gpus 1\nx = 1'
    );
  });

  it('quotes a target that a shell would split', () => {
    expect(sent('x', "slurm:it's here")).toBe(`%%cloudtrain --on 'slurm:it'"'"'s here'\nx`);
    expect(findLine(sent('x', "slurm:it's here"))?.target).toBe("slurm:it's here");
  });

  it('touches only its own line', () => {
    const source = '\n%%cloudtrain fit --on local\nx = "%%cloudtrain --on local"\n';
    expect(sendTo(source, 'ray')).toEqual({
      start: 1,
      end: source.indexOf('\n', 1),
      text: '%%cloudtrain fit --on ray'
    });
  });
});

describe('keeping a cell here', () => {
  it('removes the line and nothing else', () => {
    expect(here('%%cloudtrain --on local\nx = 1\n')).toBe('x = 1\n');
    expect(here('\n%%time\n%%cloudtrain --on local\n# note\nx = 1')).toBe(
      '\n%%time\n# note\nx = 1'
    );
    expect(here('%%cloudtrain --on local')).toBe('');
  });

  it('has nothing to do where there is none', () => {
    expect(keepHere('%%time\nx = 1')).toBeNull();
  });

  it('undoes what sending did', () => {
    for (const source of ['x = 1', '\n\n# note\nx = 1\n', '%%time\nx = 1', '  x = 1', '']) {
      expect(here(sent(source))).toBe(source);
    }
  });
});

describe('the magics a cell needs', () => {
  it('sees cell magics, line magics and assignments from them', () => {
    expect(usesMagics('%%cloudtrain\nx = 1')).toBe(true);
    expect(usesMagics('x = 1\n%cloudpull 3f2a')).toBe(true);
    expect(usesMagics('job = %cloudattach 3f2a')).toBe(true);
  });

  it('sees none in plain code', () => {
    expect(usesMagics('x = "a %cloud of points"\ny = 5 %cloud')).toBe(false);
  });
});
