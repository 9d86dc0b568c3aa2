// Images and files as clients of both of OpenAI's dialects send them: at a URL, or in one.
#pragma once

#include <string>

#include "base/error.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::openai {

/// Reads an image at an http, https or data URL into the block, which becomes a document where the
/// bytes are one. `where` names the URL in errors; what is decoded is kept by the arena.
Status read_image_url(json::String url, const std::string& where, chat::Arena& arena,
                      chat::Block& block);

/// Reads a file's bytes: a data URL, or base64 alone, which is taken for a PDF.
Status read_file_data(json::String data, const std::string& where, chat::Arena& arena,
                      chat::Block& block);

}  // namespace sluice::dialect::openai
