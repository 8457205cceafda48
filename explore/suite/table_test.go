package suite

import "github.com/ghostread/ghostread/finding"

// categories are those of the studies of bugs in Go programs, first the blocking
// ones, and livelock.
var categories = []string{
	"mutex", "RWMutex", "channel", "select", "WaitGroup", "Cond", "mixed", "livelock",
	"map", "slice", "published too late", "loop and closure capture", "mixed atomic", "channel misuse", "testing misuse",
}

// program is a pair of tests, TestBuggy and TestRepaired with its name.
type program struct {
	category string
	name     string
	kinds    []finding.Kind // that may be found in the buggy one
}

var table = []program{
	{"mutex", "LockOrder", deadlock},
	{"mutex", "MissingUnlock", deadlock},
	{"mutex", "LockAgain", deadlock},
	{"mutex", "Ring", deadlock},
	{"mutex", "CallbackUnderLock", deadlock},
	{"mutex", "PanicWhileLocked", deadlock},

	{"RWMutex", "ReadAgain", deadlock},
	{"RWMutex", "Upgrade", deadlock},
	{"RWMutex", "WriterBetween", deadlock},
	{"RWMutex", "ReadLockKept", deadlock},
	{"RWMutex", "ReaderAwaitsWriter", deadlock},

	{"channel", "AnswerTooLate", leak},
	{"channel", "FirstOnly", leak},
	{"channel", "RangeWithoutClose", deadlock},
	{"channel", "FollowUp", deadlock},
	{"channel", "TokenLost", deadlock},
	{"channel", "NilChannel", deadlock},

	{"select", "SignalDropped", deadlock},
	{"select", "QuitBeforeDrained", failure},
	{"select", "SendWithoutCancel", leak},
	{"select", "LatestDropped", deadlock},
	{"select", "MergeEndsEarly", leak},

	{"WaitGroup", "AddInside", early},
	{"WaitGroup", "DoneSkipped", deadlock},
	{"WaitGroup", "WaitUnderLock", deadlock},
	{"WaitGroup", "DoneTwice", panics},
	{"WaitGroup", "DoneBeforeResult", race},

	{"Cond", "SignalWrongSide", deadlock},
	{"Cond", "SignalLost", deadlock},
	{"Cond", "IfInsteadOfFor", panics},
	{"Cond", "SignalOnClose", deadlock},
	{"Cond", "SignalFirst", deadlock},

	{"mixed", "SendUnderLock", deadlock},
	{"mixed", "WaitBeforeDrain", deadlock},
	{"mixed", "OnceCycle", deadlock},
	{"mixed", "StopUnderLock", deadlock},
	{"mixed", "TokenAndLock", deadlock},
	{"mixed", "ReadLockAndReply", deadlock},

	{"livelock", "GiveWay", livelock},
	{"livelock", "ReadyNever", livelock},
	{"livelock", "AfterYou", livelock},

	{"map", "MapWrites", race},
	{"map", "MapLen", race},
	{"map", "MapRange", phantom},
	{"map", "FillUnderReadLock", lost},
	{"map", "MapCheckThenInsert", failure},
	{"map", "SyncMapLoadThenStore", failure},
	{"map", "MapHandedOut", lost},

	{"slice", "Append", torn},
	{"slice", "SpareCapacity", race},
	{"slice", "SliceHandedOut", race},
	{"slice", "SliceHeader", torn},
	{"slice", "Parts", race},
	{"slice", "OldLength", panics},

	{"published too late", "FlagBeforeData", unready},
	{"published too late", "DoubleChecked", race},
	{"published too late", "RegisteredEmpty", unready},
	{"published too late", "CloseBeforeWrite", race},
	{"published too late", "StartedInConstructor", race},
	{"published too late", "ChangedAfterStore", unready},

	{"loop and closure capture", "LoopVariable", race},
	{"loop and closure capture", "SharedError", race},
	{"loop and closure capture", "PointerToLoopVariable", race},
	{"loop and closure capture", "TimerClosure", race},
	{"loop and closure capture", "NextIndex", failure},

	{"mixed atomic", "PlainRead", race},
	{"mixed atomic", "PlainReset", race},
	{"mixed atomic", "LoadThenStore", failure},
	{"mixed atomic", "CheckThenSet", failure},
	{"mixed atomic", "TwoCounters", failure},
	{"mixed atomic", "SwapWithoutRetry", failure},
	{"mixed atomic", "InPlace", race},

	{"channel misuse", "CloseTwice", panics},
	{"channel misuse", "SendAfterClose", closing},
	{"channel misuse", "ReceiverCloses", closing},
	{"channel misuse", "SendDoesNotWait", race},
	{"channel misuse", "TokenTooEarly", race},
	{"channel misuse", "LenThenReceive", deadlock},
	{"channel misuse", "ZeroFromClosed", failure},

	{"testing misuse", "FailAfterEnd", late},
	{"testing misuse", "FatalInGoroutine", deadlock},
	{"testing misuse", "ParallelShared", race},
	{"testing misuse", "SleepInsteadOfWait", race},
	{"testing misuse", "HelperLeft", leak},
	{"testing misuse", "FakeCounts", race},
}

var (
	deadlock = []finding.Kind{finding.Deadlock}
	leak     = []finding.Kind{finding.Leak}
	livelock = []finding.Kind{finding.Livelock}
	failure  = []finding.Kind{finding.Failure}
	panics   = []finding.Kind{finding.Panic}
	race     = []finding.Kind{finding.Race}
	torn     = []finding.Kind{finding.Torn}
	lost     = []finding.Kind{finding.Lost}
	phantom  = []finding.Kind{finding.Phantom}

	// The first Add of a group is not ordered with Wait: that is a race on the
	// group itself, besides what comes of it.
	early = []finding.Kind{finding.Failure, finding.Race}

	// A send that is not ordered with the close of its channel is told as such
	// until an execution shows the panic.
	closing = []finding.Kind{finding.Panic, finding.Race}

	// What is read too early may be the old value, or be written during the
	// read.
	unready = []finding.Kind{finding.Stale, finding.Race}

	// A goroutine that outlives its test fails it before its end, or panics
	// afterwards.
	late = []finding.Kind{finding.Panic, finding.Failure}
)
