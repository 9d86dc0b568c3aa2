#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.hpp"
#include "config/bind.hpp"
#include "config/fields.hpp"
#include "http/url.hpp"

namespace sluice::config {

namespace {

class RoutingBinder {
 public:
  RoutingBinder(const Node& root, const std::vector<Provider>& providers, Problems& problems)
      : node_(at(root, "routing")), problems_(problems) {
    for (const Provider& provider : providers) providers_.emplace(provider.name, provider.enabled);
    collect_groups();
  }

  Routing bind() {
    Routing routing;
    routing.rules = bind_rules();
    routing.groups = bind_groups();
    routing.fallbacks = bind_fallbacks();
    check_cycles(routing.fallbacks);
    routing.retry = {.attempts = integer(node_, "retry.attempts"),
                     .budget = get<double>(node_, "retry.budget"),
                     .backoff = duration(node_, "retry.backoff"),
                     .max_wait = duration(node_, "retry.max_wait")};
    routing.resume = resume_of(text(node_, "resume"));
    bind_weights(at(node_, "weights"), routing.weights);
    routing.cloud.allow = flag(node_, "cloud.allow");
    routing.cloud.max_wait = {duration(node_, "cloud.max_wait.interactive"),
                              duration(node_, "cloud.max_wait.default"),
                              duration(node_, "cloud.max_wait.bulk")};
    routing.queue = {.max = integer(node_, "queue.max"),
                     .class_header = text(node_, "queue.class_header")};
    if (!is_token(routing.queue.class_header)) {
      error(at(node_, "queue.class_header"),
            "routing.queue.class_header must be the name of a header");
    }
    routing.scale_webhook = text(node_, "scale_webhook");
    if (!routing.scale_webhook.empty() && !http::parse_request_url(routing.scale_webhook)) {
      error(at(node_, "scale_webhook"),
            "routing.scale_webhook must be an http or https URL, such as "
            "https://host/path?name=value");
    }
    routing.drain_on_disconnect = text(node_, "on_disconnect") == "drain";
    routing.strict = text(node_, "mode") == "strict";
    routing.show_upstream_model = text(node_, "response_model") == "upstream";
    routing.spread_keys = text(node_, "affinity") == "spread";
    routing.keep_alive = duration(node_, "keep_alive");
    const std::string auto_cache = text(node_, "auto_cache");
    routing.auto_cache = auto_cache == "off"      ? AutoCache::kOff
                         : auto_cache == "always" ? AutoCache::kAlways
                                                  : AutoCache::kToolsOrMultiturn;
    routing.repair_tools = flag(node_, "repair_tools");
    routing.prefer_forced_tool = flag(node_, "prefer_forced_tool");
    routing.expose_reasoning = flag(node_, "expose_reasoning");
    return routing;
  }

 private:
  void error(const Node& node, std::string what) {
    if (!node.bad) problems_.error(node.place, std::move(what));
  }

  void collect_groups() {
    groups_.emplace_back(kWorkersTarget);
    for (const Node& group : at(node_, "groups").items) {
      const std::string name = text(group, "name");
      if (name.empty()) continue;
      if (name.size() > 64 || !is_name(name)) {
        error(at(group, "name"),
              "the name of a group may hold at most 64 letters, digits and . _ -");
      }
      if (providers_.contains(name) || is_group(name)) {
        error(at(group, "name"), fmt::format("the name \"{}\" is already taken", name));
      }
      groups_.push_back(name);
    }
  }

  static Strategy strategy_of(std::string_view name) {
    if (name == "random") return Strategy::kRandom;
    if (name == "weighted_round_robin") return Strategy::kWeightedRoundRobin;
    if (name == "least_connections") return Strategy::kLeastConnections;
    if (name == "vram") return Strategy::kVram;
    if (name == "predicted") return Strategy::kPredicted;
    return Strategy::kRoundRobin;
  }

  static Resume resume_of(std::string_view name) {
    if (name == "restart") return Resume::kRestart;
    return name == "continue" ? Resume::kContinue : Resume::kNone;
  }

  std::vector<Group> bind_groups() {
    std::vector<Group> groups;
    for (const Node& node : at(node_, "groups").items) {
      Group group;
      group.name = text(node, "name");
      group.strategy = strategy_of(text(node, "strategy"));
      group.keep_conversations = text(node, "affinity") != "none";
      if (const std::string resume = text(node, "resume"); !resume.empty()) {
        group.resume = resume_of(resume);
      }
      for (const Node& item : at(node, "members").items) {
        if (!is_member(at(item, "target"))) continue;
        Member member = {.target = target(item), .weight = integer(item, "weight")};
        const bool twice = std::ranges::any_of(group.members, [&](const Member& other) {
          return other.target.name == member.target.name &&
                 other.target.model == member.target.model;
        });
        if (twice) {
          error(at(item, "target"),
                fmt::format("\"{}\" is in the group twice; give it a weight instead",
                            member.target.name));
        }
        group.members.push_back(std::move(member));
      }
      groups.push_back(std::move(group));
    }
    return groups;
  }

  bool is_member(const Node& node) {
    const auto* name = std::get_if<std::string>(&node.value);
    if (name != nullptr && *name != kWorkersTarget && is_group(*name) &&
        !providers_.contains(*name)) {
      error(node, fmt::format("\"{}\" is a group, and a group cannot be a member of another; name "
                              "its members, or give the group a fallback",
                              *name));
      return false;
    }
    return usable(node);
  }

  void bind_weights(const Node& node, ScoreWeights& weights) {
    weights = {.vram = get<double>(node, "vram"),
               .concurrency = get<double>(node, "concurrency"),
               .model = get<double>(node, "model"),
               .fallback = get<double>(node, "fallback")};
    if (weights.vram + weights.concurrency + weights.model + weights.fallback <= 0) {
      error(node, "routing.weights must not all be 0");
    }
  }

  bool is_group(std::string_view name) const {
    return std::ranges::find(groups_, name) != groups_.end();
  }

  /// Reports a name that is neither a provider nor a group.
  bool known(const Node& node) {
    const auto* name = std::get_if<std::string>(&node.value);
    if (name == nullptr || node.bad) return false;
    if (providers_.contains(*name) || is_group(*name)) return true;
    std::vector<std::string_view> names(groups_.begin(), groups_.end());
    for (const auto& [provider, enabled] : providers_) names.push_back(provider);
    // With more names than anybody writes by hand a hint is not worth its time.
    names.resize(std::min<size_t>(names.size(), 200));
    const std::string_view best = nearest(std::string_view(*name).substr(0, 64), names);
    error(node,
          fmt::format("there is no provider or group \"{}\"{}", *name,
                      best.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", best)));
    return false;
  }

  /// True where a request can be sent to; false has been reported.
  bool usable(const Node& node) {
    if (!known(node)) return false;
    const auto& name = std::get<std::string>(node.value);
    const auto provider = providers_.find(name);
    if (provider != providers_.end() && !provider->second) {
      problems_.warn(
          fmt::format("\"{}\" is a target and not enabled ({})", name, node.place.line_text()));
    }
    return true;
  }

  static Target target(const Node& node) {
    return {.name = text(node, "target"), .model = text(node, "model")};
  }

  static std::tuple<int64_t, bool, int64_t> rank(const Rule& rule) {
    return {-static_cast<int64_t>(rule.priority), rule.prefix,
            -static_cast<int64_t>(rule.pattern.size())};
  }

  std::vector<Rule> bind_rules() {
    std::vector<Rule> rules;
    for (const Node& node : at(node_, "rules").items) {
      Rule rule;
      rule.prefix = text(node, "type") == "prefix";
      rule.pattern = text(node, "pattern");
      if (rule.prefix && rule.pattern.ends_with('*')) rule.pattern.pop_back();
      if (rule.pattern.contains('*')) {
        error(at(node, "pattern"), rule.prefix
                                       ? "a * may stand only at the end of a pattern"
                                       : "an exact pattern has no *; did you mean type: prefix?");
      }
      rule.target = target(node);
      rule.priority = integer(node, "priority");
      if (usable(at(node, "target"))) rules.push_back(std::move(rule));
    }
    // Insertion keeps the order of the file among equals.
    std::vector<Rule> sorted;
    for (Rule& rule : rules) {
      const auto before = std::ranges::upper_bound(sorted, rank(rule), {}, rank);
      sorted.insert(before, std::move(rule));
    }
    return sorted;
  }

  std::vector<Fallback> bind_fallbacks() {
    std::vector<Fallback> fallbacks;
    for (const Node& node : at(node_, "fallbacks").items) {
      const Node& from = at(node, "from");
      Fallback fallback;
      fallback.from = text(node, "from");
      if (std::ranges::find(fallbacks, fallback.from, &Fallback::from) != fallbacks.end()) {
        error(from, fmt::format("there are two fallbacks from \"{}\"", fallback.from));
      }
      const bool from_usable = usable(from);
      for (const Node& to : at(node, "to").items) {
        if (usable(at(to, "target"))) fallback.to.push_back(target(to));
      }
      places_.emplace(fallback.from, &from);
      if (from_usable && !fallback.to.empty()) fallbacks.push_back(std::move(fallback));
    }
    return fallbacks;
  }

  /// A request that walks the fallbacks must come to an end.
  void check_cycles(const std::vector<Fallback>& fallbacks) {
    enum class Seen : uint8_t { kNo, kOpen, kDone };
    struct Step {
      const Fallback* fallback;
      size_t next = 0;
    };
    std::map<std::string_view, const Fallback*> by_name;
    for (const Fallback& fallback : fallbacks) by_name.emplace(fallback.from, &fallback);
    std::map<const Fallback*, Seen> seen;
    for (const Fallback& start : fallbacks) {
      if (seen[&start] != Seen::kNo) continue;
      std::vector<Step> path = {{&start}};
      seen[&start] = Seen::kOpen;
      while (!path.empty()) {
        Step& step = path.back();
        if (step.next == step.fallback->to.size()) {
          seen[step.fallback] = Seen::kDone;
          path.pop_back();
          continue;
        }
        const auto next = by_name.find(step.fallback->to[step.next++].name);
        if (next == by_name.end()) continue;
        Seen& state = seen[next->second];
        if (state == Seen::kOpen) {
          std::string names;
          bool inside = false;
          for (const Step& on_path : path) {
            inside = inside || on_path.fallback == next->second;
            if (inside) names += on_path.fallback->from + " -> ";
          }
          error(*places_.at(next->second->from),
                fmt::format("fallbacks go in a circle: {}{}", names, next->second->from));
        } else if (state == Seen::kNo) {
          state = Seen::kOpen;
          path.push_back({next->second});
        }
      }
    }
  }

  const Node& node_;
  Problems& problems_;
  std::map<std::string, bool, std::less<>> providers_;  // name, enabled
  std::vector<std::string> groups_;
  std::map<std::string, const Node*, std::less<>> places_;  // of a fallback's `from`
};

}  // namespace

Routing bind_routing(const Node& root, const std::vector<Provider>& providers, Problems& problems) {
  return RoutingBinder(root, providers, problems).bind();
}

}  // namespace sluice::config
