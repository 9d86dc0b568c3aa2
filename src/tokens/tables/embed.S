// The tables as read-only data: mapped with the binary, loaded by page faults.
    .section .rodata.sluice_tokens, "a"

    .macro table name, file
    .balign 64
    .global \name
    .hidden \name
\name:
    .incbin "\file"
    .endm

    table sluice_tokens_classes, classes.bin
    table sluice_tokens_o200k_base, o200k_base.bin
    table sluice_tokens_cl100k_base, cl100k_base.bin
    table sluice_tokens_p50k_base, p50k_base.bin
    table sluice_tokens_r50k_base, r50k_base.bin

    .section .note.GNU-stack, ""
