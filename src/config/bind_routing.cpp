#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.hpp"
#include "config/bind.hpp"
#include "config/fields.hpp"

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
    routing.fallbacks = bind_fallbacks();
    check_cycles(routing.fallbacks);
    routing.retry = {.attempts = integer(node_, "retry.attempts"),
                     .budget = get<double>(node_, "retry.budget"),
                     .backoff = duration(node_, "retry.backoff"),
                     .max_wait = duration(node_, "retry.max_wait")};
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
    groups_.emplace_back("workers");
    for (const Node& group : at(node_, "groups").items) {
      const std::string name = text(group, "name");
      if (name.empty()) continue;
      if (providers_.contains(name) || std::ranges::find(groups_, name) != groups_.end()) {
        error(at(group, "name"), fmt::format("the name \"{}\" is already taken", name));
      }
      groups_.push_back(name);
    }
    for (const Node& group : at(node_, "groups").items) {
      for (const Node& member : at(group, "members").items) {
        known(at(member, "target"));
      }
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

  /// True for a provider's name. Anything else has been reported as an error or a warning.
  bool usable(const Node& node) {
    if (!known(node)) return false;
    const auto& name = std::get<std::string>(node.value);
    const auto provider = providers_.find(name);
    if (provider == providers_.end()) {
      problems_.warn(fmt::format("\"{}\" as a target has no effect in this version ({})", name,
                                 node.place.line_text()));
      return false;
    }
    if (!provider->second) {
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
