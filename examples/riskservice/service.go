package riskservice

import "sync/atomic"

// Payment is what a merchant asks to charge.
type Payment struct {
	Merchant string `json:"merchant"`
	Category string `json:"category"`
	Amount   int64  `json:"amount"` // cents
}

// Decision is the answer to a payment.
type Decision string

// The decisions.
const (
	Approve Decision = "approve"
	Decline Decision = "decline"
	Review  Decision = "review" // no rule covers it: a person decides
)

// Service decides payments by the rules in force. Its methods may be called
// concurrently, except Reload, which belongs to the goroutine of the feed.
type Service struct {
	rules    ruleBook
	velocity velocity
	health   health
	trail    trail
}

// New returns a service without rules: it sends every payment to review.
func New() *Service {
	return &Service{
		rules:    ruleBook{byCategory: make(map[string]Rule)},
		velocity: velocity{byMerchant: make(map[string]*atomic.Int64)},
	}
}

// Reload puts the rules of feed in force in place of the current ones.
func (s *Service) Reload(feed []Rule) {
	s.trail.note("reload", false)
	defer s.trail.note("reload", true)

	s.rules.replace(feed)
	if len(feed) == 0 {
		s.health.publish(Degraded)
		return
	}
	s.health.publish(Ready)
}

// Decide answers p, and counts it if it is approved. The limit is a soft one:
// payments of one merchant that are decided at once may pass it together.
func (s *Service) Decide(p Payment) Decision {
	s.trail.note("decide", false)
	defer s.trail.note("decide", true)

	rule, ok := s.rules.get(p.Category)
	switch {
	case !ok:
		return Review
	case p.Amount > rule.MaxAmount:
		return Decline
	case s.velocity.seen(p.Merchant) >= rule.MaxPayments:
		return Decline
	}
	s.velocity.count(p.Merchant)
	return Approve
}

// Audit returns the last operations, oldest first.
func (s *Service) Audit() []Entry { return s.trail.entries() }
