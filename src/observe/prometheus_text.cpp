#include "observe/prometheus_text.hpp"

namespace sluice::observe {

std::string label_value(std::string_view value) {
  if (value.empty()) return "none";
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

void PrometheusText::family(std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  name_ = name;
}

void PrometheusText::histogram(const std::string& labels, const HistogramSum& values, int first,
                               int last) {
  if (values.count() == 0) return;
  for (int exponent = first; exponent <= last; ++exponent) {
    const size_t bucket = Histogram::bucket_at(exponent);
    sample(fmt::format("{},le=\"{}\"", labels, Histogram::upper_edge(bucket)),
           values.cumulative(bucket), "_bucket");
  }
  sample(labels + ",le=\"+Inf\"", values.count(), "_bucket");
  sample(labels, values.sum_seconds(), "_sum");
  sample(labels, values.count(), "_count");
}

}  // namespace sluice::observe
