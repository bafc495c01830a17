import { contentsPath } from './paths';

describe('the path of a notebook', () => {
  it('is what lies below the root of the server', () => {
    expect(contentsPath('/srv/work/a/b.ipynb', '/srv/work')).toBe('a/b.ipynb');
    expect(contentsPath('/srv/work/a/b.ipynb', '/')).toBe('srv/work/a/b.ipynb');
    expect(contentsPath('C:\\work\\b.ipynb', 'C:\\work')).toBe('b.ipynb');
  });

  it('is found where the root is told as a part of the home directory', () => {
    expect(contentsPath('/home/ada/work/b.ipynb', '~/work')).toBe('b.ipynb');
    expect(contentsPath('/Users/ada/b.ipynb', '~')).toBe('b.ipynb');
    expect(contentsPath('/root/a/b.ipynb', '~/a')).toBe('b.ipynb');
    expect(contentsPath('/data/users/ada/work/b.ipynb', '~/work')).toBe('b.ipynb');
  });

  it('stays what it is where nothing is known', () => {
    expect(contentsPath('a/b.ipynb', '/srv')).toBe('a/b.ipynb');
    expect(contentsPath('/elsewhere/b.ipynb', '/srv')).toBe('/elsewhere/b.ipynb');
    expect(contentsPath('/workshop/b.ipynb', '/work')).toBe('/workshop/b.ipynb');
  });
});
