// LDAPR is arm64's weaker load-acquire, from Armv8.3: unlike LDAR it may pass
// an earlier store-release. Runtimes of other languages use it for their
// acquire loads. An instruction that Go's assembler does not know cannot be in
// Go's runtime, unless somebody wrote it as a number.
TEXT ·loadAcquire(SB), 4, $0-8
	LDAPR	(R0), R1
	RET
