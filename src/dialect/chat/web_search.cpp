#include "dialect/chat/web_search.hpp"

namespace sluice::dialect::chat {

Tool web_search_tool(json::Value location, json::Value allowed_domains, Arena& arena) {
  Tool tool;
  tool.kind = Tool::Kind::kServer;
  tool.type = literal("web_search_20250305");
  tool.name = literal("web_search");
  std::string raw;
  json::Writer out(raw);
  out.begin_object().member("type", tool.type.bytes).member("name", tool.name.bytes);
  if (allowed_domains.kind() == json::Kind::kArray && !allowed_domains.is_empty()) {
    out.key("allowed_domains");
    write_compact(out, allowed_domains);
  }
  if (location.kind() == json::Kind::kObject) {
    out.key("user_location").begin_object().member("type", "approximate");
    for (const char* name : {"city", "region", "country", "timezone"}) {
      const json::Value part = location[name];
      if (part.kind() != json::Kind::kString) continue;
      out.key(name);
      write_compact(out, part);
    }
    out.end_object();
  }
  out.end_object();
  tool.raw = arena.value(std::move(raw));
  return tool;
}

}  // namespace sluice::dialect::chat
