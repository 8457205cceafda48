package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/ghostread/ghostread/inspect"
)

// source says which program is inspected. All commands that inspect have its
// flags.
type source struct {
	exe, core string
}

func (s *source) flags(f *pflag.FlagSet) {
	f.StringVar(&s.exe, "exe", "", "executable to take the DWARF from; \"\" means the one that the process runs or the core file names")
	f.StringVar(&s.core, "core", "", "inspect this core file, not a process")
}

// open opens the program that the arguments of a command name, and returns the
// owner of maps that they name after it, "" if there is none. The caller closes
// the target.
func (s *source) open(args []string) (t *inspect.Target, owner string, err error) {
	if s.core != "" {
		return s.openCore(args)
	}
	if len(args) < 1 || len(args) > 2 {
		return nil, "", fmt.Errorf("inspect takes the id of a process and perhaps an owner of maps, and was given %d arguments\n\tpgrep NAME finds the process", len(args))
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil || pid <= 0 {
		return nil, "", fmt.Errorf("%q is no process id\n\tpgrep NAME finds it", args[0])
	}
	if t, err = inspect.Attach(pid, s.exe); err != nil {
		return nil, "", err
	}
	return t, append(args, "")[1], nil
}

// openCore opens a core file.
func (s *source) openCore(args []string) (t *inspect.Target, owner string, err error) {
	if len(args) > 1 {
		return nil, "", fmt.Errorf("inspect --core takes at most an owner of maps, and was given %d arguments\n\tghostread inspect --core %s %s", len(args), s.core, args[len(args)-1])
	}
	owner = append(args, "")[0]
	if pid, err := strconv.Atoi(owner); err == nil {
		return nil, "", fmt.Errorf("either a core file or process %d is inspected, not both", pid)
	}
	t, err = inspect.OpenCore(s.core, s.exe)
	return t, owner, err
}
