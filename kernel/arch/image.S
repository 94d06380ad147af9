/* The client program, page-aligned among the constants: clients map its text pages where they lie. */
    .section .client, "a", @progbits
    .balign 4096
    .globl client_image, client_image_end
client_image:
    .incbin CLIENT_IMAGE
client_image_end:
    .balign 4096
