package lab

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// A predicate is an expression over the facts of an experiment's steps. What
// it looks at is reported, and a fact that is missing is an error, never a
// nil that compares unequal to everything.
type predicate struct{ prog *vm.Program }

// predeclared are the names that are no steps.
var predeclared = map[string]bool{"go": true, "release": true, factFunc: true}

// factFunc is called in place of STEP.FACT.
const factFunc = "fact"

// missingError says that a step has no such fact on this release.
type missingError struct{ Step, Fact, Reason string }

func (e *missingError) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("step %s %s", e.Step, e.Reason)
	}
	return fmt.Sprintf("step %s printed no %s", e.Step, e.Fact)
}

// compilePredicate compiles an expression; "" gives nil.
func compilePredicate(text string, steps map[string]bool, asBool bool) (*predicate, error) {
	if text == "" {
		return nil, nil
	}
	rewrite := &factCalls{steps: steps}
	env := environment(0, "", func(_, _ string) (any, error) { return nil, nil })
	options := []expr.Option{expr.Env(env), expr.Patch(rewrite)}
	if asBool {
		options = append(options, expr.AsBool())
	}
	prog, err := expr.Compile(text, options...)
	if err != nil {
		return nil, err
	}
	return &predicate{prog}, nil
}

func environment(minor int, release string, fact func(step, name string) (any, error)) map[string]any {
	return map[string]any{"go": minor, "release": release, factFunc: fact}
}

// factCalls turns STEP.FACT into fact("STEP", "FACT").
type factCalls struct{ steps map[string]bool }

func (v *factCalls) Visit(node *ast.Node) {
	m, ok := (*node).(*ast.MemberNode)
	if !ok {
		return
	}
	step, ok := m.Node.(*ast.IdentifierNode)
	if !ok || !v.steps[step.Value] {
		return
	}
	name, ok := m.Property.(*ast.StringNode)
	if !ok {
		return
	}
	ast.Patch(node, &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: factFunc},
		Arguments: []ast.Node{&ast.StringNode{Value: step.Value}, &ast.StringNode{Value: name.Value}},
	})
}

// stepFacts gives the facts of a step on one release, or why there are none.
type stepFacts func(step string) (facts Facts, reason string)

// eval evaluates the predicate on one release. seen has what it looked at,
// also when it ends with an error.
func (p *predicate) eval(minor int, release string, look stepFacts) (value any, seen Facts, err error) {
	seen = Facts{}
	env := environment(minor, release, func(step, name string) (any, error) {
		facts, reason := look(step)
		v, ok := facts[name]
		if !ok {
			return nil, &missingError{step, name, reason}
		}
		seen[step+"."+name] = v
		return v, nil
	})
	value, err = expr.Run(p.prog, env)
	var missing *missingError
	if errors.As(err, &missing) {
		err = missing
	}
	return value, seen, err
}
