//! Every figure that the family exports, in one table.

use salve_core::Unit;

/// A figure that policies export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What the policy's [`Reading`](salve_core::Reading) calls it.
    pub reading: &'static str,
    /// What it is exported as.
    pub metric: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What it says, in one sentence.
    pub about: &'static str,
}

impl Figure {
    /// Whether it only grows, and so is exported as a counter; all others are gauges.
    #[must_use]
    pub fn is_counter(&self) -> bool {
        self.metric.ends_with("_total")
    }
}

macro_rules! figures {
    ($($reading:literal => $metric:literal, $unit:ident, $about:literal;)+) => {
        /// Every figure that the family exports, by name. Each has the label `policy`.
        ///
        /// | metric | what it says |
        /// |---|---|
        $(#[doc = concat!("| `", $metric, "` | ", $about, " |")])+
        pub const FIGURES: &[Figure] = &[
            $(Figure { reading: $reading, metric: $metric, unit: Unit::$unit, about: $about },)+
        ];
    };
}

figures! {
    "actions_failed_total" => "salve_actions_failed_total", Count, "Repairs that have not helped.";
    "actions_started_total" => "salve_actions_started_total", Count, "Repairs that were started.";
    "actions_succeeded_total" => "salve_actions_succeeded_total", Count, "Repairs that have helped, verified and soaked.";
    "alternatives_answered_total" => "salve_alternatives_answered_total", Count, "Calls that an alternative answered.";
    "attempt_limit" => "salve_attempt_limit_seconds", Seconds, "How long one attempt may take.";
    "attempt_timeouts_total" => "salve_attempt_timeouts_total", Count, "Attempts that took too long.";
    "attempts_total" => "salve_attempts_total", Count, "Attempts that have begun, first ones among them.";
    "available" => "salve_available", Count, "How many calls the rate would let through at once.";
    "baseline_latency" => "salve_baseline_latency_seconds", Seconds, "What latency is compared with.";
    "budget_available" => "salve_budget_available", Count, "How many retries the budget would pay for now.";
    "budget_refused_total" => "salve_budget_refused_total", Count, "Calls given up because the budget was used up.";
    "cache_entries" => "salve_cache_entries", Count, "Answers that are kept.";
    "cache_stored_total" => "salve_cache_stored_total", Count, "Answers of the source that were kept.";
    "cache_weight" => "salve_cache_weight", Count, "How heavy the kept answers are together.";
    "calls_total" => "salve_calls_total", Count, "Calls that have begun.";
    "calls_waiting" => "salve_calls_waiting", Count, "Calls that wait for the answer of another.";
    "closed" => "salve_closed", Flag, "Whether it takes no new calls because it was closed.";
    "consecutive_failures" => "salve_consecutive_failures", Count, "Failures without a success between them.";
    "copies_total" => "salve_copies_total", Count, "Second copies of late calls that were sent.";
    "copies_unsent_total" => "salve_copies_unsent_total", Count, "Second copies that were refused before they were sent.";
    "copies_won_total" => "salve_copies_won_total", Count, "Second copies that answered first.";
    "dead" => "salve_dead", Flag, "Whether the dependency is held to be dead.";
    "dead_letters_total" => "salve_dead_letters_total", Count, "Requests handed to the dead-letter sink.";
    "dead_scopes" => "salve_dead_scopes", Count, "Parts of the dependency that are held to be dead.";
    "deadlines_exceeded_total" => "salve_deadlines_exceeded_total", Count, "Calls ended by the deadline of the whole call.";
    "degradations_total" => "salve_degradations_total", Count, "Times that the level of service became worse.";
    "delay" => "salve_delay_seconds", Seconds, "After how long a call is late.";
    "displaced_total" => "salve_displaced_total", Count, "Calls that lost their place in the line to a higher class.";
    "evicted_total" => "salve_evicted_total", Count, "Idle keys that were forgotten.";
    "exhausted_total" => "salve_exhausted_total", Count, "Calls given up for any reason but the budget.";
    "failed" => "salve_failed", Flag, "Whether a watched target is convicted of failing.";
    "failure_rate" => "salve_failure_ratio", Ratio, "The share of failures in the window.";
    "failures_total" => "salve_failures_total", Count, "Calls that failed.";
    "features_degraded" => "salve_features_degraded", Count, "Features of which not all is left.";
    "features_off" => "salve_features_off", Count, "Features of which nothing is left.";
    "flapping" => "salve_flapping", Flag, "Whether a watched target changes its state all the time.";
    "full_after" => "salve_full_after_seconds", Seconds, "In how long the whole burst is there again.";
    "full_total" => "salve_full_total", Count, "Calls refused because every place was taken.";
    "half_open" => "salve_half_open", Flag, "Whether it lets only probes through.";
    "health_score" => "salve_health_score", Count, "How well it is, 0 to 100.";
    "held" => "salve_held", Flag, "Whether an operator holds it to what it has.";
    "holds_total" => "salve_holds_total", Count, "Reasons that were told for doing nothing.";
    "in_use" => "salve_in_use", Count, "Places that are taken.";
    "incidents_by_itself_total" => "salve_incidents_by_itself_total", Count, "Incidents that ended without an action.";
    "incidents_closed_total" => "salve_incidents_closed_total", Count, "Incidents that a person has ended.";
    "incidents_escalated" => "salve_incidents_escalated", Count, "Incidents that wait for a person.";
    "incidents_escalated_total" => "salve_incidents_escalated_total", Count, "Incidents for which a person was called.";
    "incidents_open" => "salve_incidents_open", Count, "Incidents that are not over.";
    "incidents_repaired_total" => "salve_incidents_repaired_total", Count, "Incidents that an action has ended, verified and soaked.";
    "journal_up" => "salve_journal_up", Flag, "Whether the healer's journal takes what is written.";
    "keys" => "salve_keys", Count, "Keys that are kept.";
    "keys_in_flight" => "salve_keys_in_flight", Count, "Keys for which a call is under way.";
    "keys_open" => "salve_keys_open", Count, "Breakers, one a key, that refuse calls.";
    "late_total" => "salve_late_total", Count, "Results that were ignored, from before the last change of state.";
    "latency" => "salve_latency_seconds", Seconds, "How long the last check took.";
    "latency_quantile" => "salve_latency_quantile_seconds", Seconds, "Within how long the measured share of calls is answered.";
    "latency_samples" => "salve_latency_samples", Count, "Answers whose latency counts.";
    "level" => "salve_level", Count, "The level of service, 0 for the best.";
    "limit_lowered_total" => "salve_limit_lowered_total", Count, "Times that the number of places moved down by itself.";
    "limit_raised_total" => "salve_limit_raised_total", Count, "Times that the number of places moved up by itself.";
    "loop_age" => "salve_loop_age_seconds", Seconds, "How long ago the healer's loop has turned.";
    "mean_time_to_recovery" => "salve_mean_time_to_recovery_seconds", Seconds, "How long a watched target is down on average.";
    "neutral_total" => "salve_neutral_total", Count, "Calls that say nothing about the dependency.";
    "nothing_kept_total" => "salve_nothing_kept_total", Count, "Calls that failed with nothing kept to serve.";
    "observed_value" => "salve_observed_value", Count, "What the last check observed, in the check's own unit.";
    "open" => "salve_open", Flag, "Whether it refuses calls.";
    "overdue" => "salve_overdue", Count, "Attempts that take so long that they count as slow already.";
    "overflowed_total" => "salve_overflowed_total", Count, "Calls that had to share the policy of keys without room.";
    "panics_total" => "salve_panics_total", Count, "Panics that were caught.";
    "parked" => "salve_parked", Count, "Calls that wait until what they need is alive again.";
    "paused" => "salve_paused", Flag, "Whether an operator has paused it.";
    "places" => "salve_places", Count, "How many calls may be under way at once.";
    "primary_failures_total" => "salve_primary_failures_total", Count, "Calls whose own service failed, whatever was answered then.";
    "promoted_total" => "salve_promoted_total", Count, "Waiting calls that took over from one that was dropped.";
    "queue_timeouts_total" => "salve_queue_timeouts_total", Count, "Calls that waited as long as they may.";
    "queued_total" => "salve_queued_total", Count, "Calls that had to wait for a place.";
    "rate_limited_total" => "salve_rate_limited_total", Count, "Calls refused since there were more than the rate allows.";
    "read_only" => "salve_read_only", Flag, "Whether writes are refused.";
    "recent_failures" => "salve_recent_failures", Count, "Failures young enough for the rule about failures within a time.";
    "recovered_total" => "salve_recovered_total", Count, "Calls that succeeded at a later attempt than the first.";
    "recoveries_total" => "salve_recoveries_total", Count, "Times that the level of service became better.";
    "refused_total" => "salve_refused_total", Count, "Calls whose deadline had passed before the first attempt.";
    "rejected_total" => "salve_rejected_total", Count, "Calls that were refused.";
    "repairs" => "salve_repairs", Flag, "Whether the healer may repair anything at all.";
    "retries_total" => "salve_retries_total", Count, "Attempts decided on after a failure.";
    "rollbacks_failed_total" => "salve_rollbacks_failed_total", Count, "Repairs that could not be undone.";
    "rollbacks_total" => "salve_rollbacks_total", Count, "Repairs that were undone.";
    "rules_asking" => "salve_rules_asking", Count, "Rules that ask for a worse level of service.";
    "rules_unknown" => "salve_rules_unknown", Count, "Rules whose reading was not there.";
    "scale" => "salve_scale_ratio", Ratio, "The share of its rate that is let through.";
    "sees" => "salve_sees", Flag, "Whether the healer believes what it sees: most witnesses do not fail.";
    "served_failed_total" => "salve_served_failed_total", Count, "Kept answers served after a failure.";
    "served_fresh_total" => "salve_served_fresh_total", Count, "Fresh answers served without asking.";
    "served_held_total" => "salve_served_held_total", Count, "Kept answers served because an operator said so.";
    "served_revalidating_total" => "salve_served_revalidating_total", Count, "Kept answers served while another caller asked.";
    "served_unreachable_total" => "salve_served_unreachable_total", Count, "Kept answers served because the source was unreachable a short time ago.";
    "shadow_copies_total" => "salve_shadow_copies_total", Count, "Second copies that would have been sent, but for shadow mode.";
    "shadow_fallbacks_total" => "salve_shadow_fallbacks_total", Count, "Alternatives that would have been tried, but for shadow mode.";
    "shadow_rejected_total" => "salve_shadow_rejected_total", Count, "Calls that would have been refused, but for shadow mode.";
    "shadow_retries_total" => "salve_shadow_retries_total", Count, "Attempts that would have been made, but for shadow mode.";
    "shadow_served_total" => "salve_shadow_served_total", Count, "Kept answers that would have been served, but for shadow mode.";
    "shadow_shared_total" => "salve_shadow_shared_total", Count, "Calls that would have been answered by another's, but for shadow mode.";
    "shared_total" => "salve_shared_total", Count, "Calls that were answered by another's.";
    "shed_level" => "salve_shed_level", Count, "The classes that are shed: 1 for all that is sheddable, 2 for all but what is critical.";
    "shed_total" => "salve_shed_total", Count, "Calls refused because too many of their class or a higher one wait.";
    "slow_rate" => "salve_slow_ratio", Ratio, "The share of slow calls in the window.";
    "slow_total" => "salve_slow_total", Count, "Calls that were slow, failed or not.";
    "successes_total" => "salve_successes_total", Count, "Calls that succeeded.";
    "suppressed" => "salve_suppressed", Flag, "Whether a failure is explained by another.";
    "targets" => "salve_targets", Count, "Targets that are watched.";
    "targets_disabled" => "salve_targets_disabled", Count, "Targets that are not checked.";
    "targets_down" => "salve_targets_down", Count, "Targets that fail.";
    "targets_unknown" => "salve_targets_unknown", Count, "Targets of which nothing is known now.";
    "targets_up" => "salve_targets_up", Count, "Targets that work, well or not so well.";
    "timeouts_total" => "salve_timeouts_total", Count, "Checks that gave no answer in time.";
    "too_costly_total" => "salve_too_costly_total", Count, "Calls that take more at once than is ever granted.";
    "total_limit" => "salve_total_limit_seconds", Seconds, "How long the whole call may take.";
    "trips_in_a_row" => "salve_trips_in_a_row", Count, "How often it has opened since it last closed.";
    "trips_total" => "salve_trips_total", Count, "Times that a breaker opened.";
    "unheard_total" => "salve_unheard_total", Count, "Reports that the healer did not hear.";
    "unreachable" => "salve_unreachable", Flag, "Whether the source is held to be unreachable.";
    "untracked_total" => "salve_untracked_total", Count, "Failures of parts that could not be followed, for want of places.";
    "up" => "salve_up", Flag, "Whether a watched target works.";
    "uptime" => "salve_uptime_ratio", Ratio, "The share of time that a watched target worked.";
    "usual_latency" => "salve_usual_latency_seconds", Seconds, "How long answers take on average.";
    "usual_recovery" => "salve_usual_recovery_seconds", Seconds, "How long what was repaired was broken, as the median.";
    "utilization" => "salve_utilization_ratio", Ratio, "The share of places that are taken.";
    "waiting" => "salve_waiting", Count, "Calls that wait for a place.";
    "waiting_critical" => "salve_waiting_critical", Count, "Critical calls that wait.";
    "waiting_normal" => "salve_waiting_normal", Count, "Normal calls that wait.";
    "waiting_sheddable" => "salve_waiting_sheddable", Count, "Sheddable calls that wait.";
}

/// The figure of a reading's name.
pub(super) fn figure(reading: &str) -> Option<&'static Figure> {
    let place = FIGURES.binary_search_by(|figure| figure.reading.cmp(reading)).ok()?;
    FIGURES.get(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_says_its_units() {
        assert!(FIGURES.is_sorted_by(|one, next| one.reading < next.reading));
        for figure in FIGURES {
            assert!(figure.metric.starts_with("salve_"), "{figure:?}");
            assert_eq!(figure.is_counter(), figure.reading.ends_with("_total"), "{figure:?}");
            assert_eq!(figure.unit == Unit::Seconds, figure.metric.ends_with("_seconds"));
            assert_eq!(figure.unit == Unit::Ratio, figure.metric.ends_with("_ratio"));
        }
    }
}
