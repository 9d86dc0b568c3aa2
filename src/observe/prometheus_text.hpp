// Writes Prometheus text exposition format 0.0.4:
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "observe/histogram.hpp"

namespace sluice::observe {

/// In a label: backslash, quote and line feed are escaped, and what is not printable would
/// break a reader's screen at most. An empty value, which would read as "no such label", is "none".
std::string label_value(std::string_view value);

/// Appends families to a text.
class PrometheusText {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help);

  /// `labels` is either empty or `a="b",c="d"`.
  template <typename Value>
  void sample(std::string_view labels, Value value, std::string_view suffix = {}) {
    const std::string_view open = labels.empty() ? "" : "{";
    const std::string_view close = labels.empty() ? "" : "}";
    fmt::format_to(std::back_inserter(out_), "{}{}{}{}{} {}\n", name_, suffix, open, labels, close,
                   value);
  }

  template <typename Value>
  void single(std::string_view name, std::string_view type, std::string_view help,
              const Value& value) {
    family(name, type, help);
    sample({}, value);
  }

  /// Buckets with the edges 1 ms times 2^first to 2^last.
  void histogram(const std::string& labels, const HistogramSum& values, int first, int last);

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::string_view name_;
};

}  // namespace sluice::observe
