# The tables of the token encodings: made from the ranks of the npm package `tiktoken`, which
# scripts/setup.sh brings, and linked into what uses the room tokens.
enable_language(ASM)

set(SLUICE_RANKS ${CMAKE_SOURCE_DIR}/.tools/tiktoken/node_modules/tiktoken/encoders
    CACHE PATH "Folder with o200k_base.json and its siblings")
if(NOT EXISTS ${SLUICE_RANKS}/o200k_base.json)
  message(FATAL_ERROR "No token ranks in ${SLUICE_RANKS}: scripts/setup.sh build brings them")
endif()

add_executable(sluice_token_tables ${CMAKE_SOURCE_DIR}/src/tokens/tables/main.cpp)
target_link_libraries(sluice_token_tables PRIVATE json)
# Runs once a build, over 200,000 tokens: not to be waited for in a debug build either.
target_compile_options(sluice_token_tables PRIVATE -O2)

set(dir ${CMAKE_BINARY_DIR}/token_tables)
file(MAKE_DIRECTORY ${dir})
set(tables ${dir}/classes.bin)
add_custom_command(OUTPUT ${dir}/classes.bin
  COMMAND sluice_token_tables --classes ${dir}/classes.bin
  DEPENDS sluice_token_tables VERBATIM)
foreach(encoding o200k_base cl100k_base p50k_base r50k_base)
  add_custom_command(OUTPUT ${dir}/${encoding}.bin
    COMMAND sluice_token_tables ${SLUICE_RANKS}/${encoding}.json ${dir}/${encoding}.bin
    DEPENDS sluice_token_tables ${SLUICE_RANKS}/${encoding}.json VERBATIM)
  list(APPEND tables ${dir}/${encoding}.bin)
endforeach()

add_library(sluice_embedded_tables STATIC ${CMAKE_SOURCE_DIR}/src/tokens/tables/embed.S)
target_include_directories(sluice_embedded_tables PRIVATE ${dir})
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/tokens/tables/embed.S
  PROPERTIES OBJECT_DEPENDS "${tables}")
