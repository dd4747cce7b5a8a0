"""Does a deployment, or an emulator, keep the rules of wire protocol version 1?"""
