#include "dialect/openai/client_tools.hpp"

#include <array>
#include <utility>

namespace sluice::dialect::openai {
namespace {

constexpr ClientTool kBash = {
    .description = "Runs a command in a bash session that is kept between calls.",
    .parameters =
        R"({"type":"object","properties":{)"
        R"("command":{"type":"string","description":"The command to run; needed unless restart is true."},)"
        R"("restart":{"type":"boolean","description":"Starts the session anew."}}})"};

constexpr ClientTool kTextEditor = {
    .description = "Views, creates and edits text files.",
    .parameters =
        R"({"type":"object","properties":{)"
        R"("command":{"type":"string","enum":["view","create","str_replace","insert","undo_edit"]},)"
        R"("path":{"type":"string","description":"Path of a file or directory."},)"
        R"("view_range":{"type":"array","items":{"type":"integer"},"description":"view: the first and the last line, from 1; -1 is the end."},)"
        R"("file_text":{"type":"string","description":"create: the text of the file."},)"
        R"("old_str":{"type":"string","description":"str_replace: the text to replace, which must stand in the file once."},)"
        R"("new_str":{"type":"string","description":"str_replace, insert: the text to put in."},)"
        R"("insert_text":{"type":"string","description":"insert: the text to put in."},)"
        R"("insert_line":{"type":"integer","description":"insert: the line after which to put it; 0 is the beginning."}},)"
        R"("required":["command","path"]})"};

constexpr ClientTool kMemory = {
    .description = "Reads and writes files that are kept between conversations, below /memories.",
    .parameters =
        R"({"type":"object","properties":{)"
        R"("command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},)"
        R"("path":{"type":"string"},)"
        R"("view_range":{"type":"array","items":{"type":"integer"}},)"
        R"("file_text":{"type":"string","description":"create: the text of the file."},)"
        R"("old_str":{"type":"string","description":"str_replace: the text to replace."},)"
        R"("new_str":{"type":"string","description":"str_replace: the text to put in."},)"
        R"("insert_line":{"type":"integer","description":"insert: the line after which to put it."},)"
        R"("insert_text":{"type":"string","description":"insert: the text to put in."},)"
        R"("old_path":{"type":"string","description":"rename: the path as it is."},)"
        R"("new_path":{"type":"string","description":"rename: the path as it shall be."}},)"
        R"("required":["command"]})"};

}  // namespace

std::optional<ClientTool> client_tool(json::String type) {
  using Row = std::pair<std::string_view, const ClientTool*>;
  static constexpr std::array kRows = {Row{"bash_", &kBash}, Row{"text_editor_", &kTextEditor},
                                       Row{"memory_", &kMemory}};
  for (const auto& [prefix, tool] : kRows) {
    if (type.bytes.starts_with(prefix)) return *tool;
  }
  return std::nullopt;
}

}  // namespace sluice::dialect::openai
